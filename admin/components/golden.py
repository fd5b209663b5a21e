"""The form of a golden question, and the button that makes one of a question that somebody asked.

Comes in: services, and a golden question or a question with the pages that its answer cited. Goes out: a sentence on
what was saved, or nothing. What was typed stays when it is refused.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from nicegui import ui

from admin.components.dialog import titled_dialog
from admin.components.sources import local_address
from admin.components.status import StatusLine
from admin.permissions import editing, may
from core.bootstrap import Services
from core.domain.conversation import Answer
from core.domain.golden import GoldenQuestion, Origin
from core.domain.people import Role
from core.errors import AssistantError

NEEDS = {"any": "Each of them answers it alone", "all": "It takes all of them together"}

ABSENT = "It is left out until {pages} is a page of the index."


class GoldenForm:
    """A dialog. `question` is None for a new one, which may begin with a `text` and the `pages` that answer it."""

    def __init__(
        self,
        services: Services,
        question: GoldenQuestion | None = None,
        *,
        text: str = "",
        pages: Sequence[str] = (),
        origin: Origin = Origin.TYPED,
    ) -> None:
        self._services = services
        self._question = question
        self._origin = origin
        start = question or GoldenQuestion("", text, tuple(pages))
        title = "Change a golden question" if question else "Add a golden question"
        with titled_dialog(title, form=True) as self._dialog:
            self._fields(start)
            self._status = StatusLine()
            with ui.element("div").classes("dialog-foot"):
                suggest = ui.button("Suggest pages", icon="search", on_click=self.suggest)
                suggest.props("outline no-caps").classes("quiet first")
                ui.button("Cancel", on_click=self._dialog.close).props("flat no-caps")
                save = ui.button("Save" if question else "Add", on_click=self.save)
                save.props("unelevated no-caps").mark("save-golden")

    async def open(self) -> str | None:
        """Shows the form until it is saved or left; gives the sentence on what was saved."""
        said: str | None = await self._dialog
        if not self._dialog.is_deleted:
            self._dialog.delete()
        return said

    async def suggest(self) -> None:
        """Offers the pages that are found for the question now, to be taken over one by one."""
        try:
            found = await self._services.retriever.find(str(self._text.value or ""))
        except AssistantError as error:
            self._status.fail(error.said)
            return
        self._offers.clear()
        with self._offers:
            for page in found.pages[:5]:
                chip = ui.button(page, icon="add", on_click=partial(self._take_over, page))
                chip.props("flat no-caps").classes("chip quiet")

    @editing
    async def save(self) -> None:
        """Stores the question and closes the form, or says what is wrong with it."""
        typed, questionnaire = self._typed(), self._services.questionnaire
        try:
            if self._question:
                await questionnaire.change(self._question.id, typed)
            else:
                await questionnaire.add(typed, self._origin)
            missing = await questionnaire.missing(typed["gold"])
        except AssistantError as error:
            self._status.fail(error.said)
            return
        done = "The question was changed." if self._question else "The question was added."
        absent = ABSENT.format(pages=" or ".join(missing)) if typed["gold"] and missing == typed["gold"] else ""
        self._dialog.submit(f"{done} {absent}".strip())

    def _fields(self, start: GoldenQuestion) -> None:
        self._text = _lines("Question", start.question)
        self._text.mark("golden-question")
        with ui.element("div").classes("explained"):
            self._gold = _lines("Pages that answer it, one path a line", "\n".join(start.gold))
            self._gold.mark("golden-pages")
            ui.label("None: the question is not covered, and a good index refuses it.").classes("muted small")
            self._offers = ui.element("div").classes("examples")
        with ui.element("div").classes("pair"):
            needs: dict[Any, str] = dict(NEEDS)
            self._need = ui.select(needs, label="Of several pages", value="all" if start.need == "all" else "any")
            self._need.props("outlined stack-label options-dense").classes("field")
            self._style = ui.input("Kind", value=start.style, placeholder="plain, terse, typo …").classes("field")
            self._style.props("outlined stack-label").mark("golden-style")
        self._facts = _lines("Words that a right answer contains, one a line", "\n".join(start.answer_facts))

    def _typed(self) -> dict[str, Any]:
        return {
            "question": str(self._text.value or "").strip(),
            "gold": _split(self._gold.value),
            "need": self._need.value,
            "answer_facts": _split(self._facts.value),
            "style": str(self._style.value or "").strip(),
        }

    def _take_over(self, page: str) -> None:
        pages = _split(self._gold.value)
        self._gold.value = "\n".join(pages if page in pages else [*pages, page])


class GoldenMaker:
    """Makes a golden one of a question that somebody asked: the button, and where it says what came of it."""

    def __init__(self, services: Services, question: str, answer: Answer | None) -> None:
        self._services = services
        self._text = question
        self._answer = answer

    def show(self) -> None:
        """Builds both."""
        with ui.element("div").classes("golden-maker"):
            self._status = StatusLine()
            button = ui.button("Make this a golden question", icon="star_outline", on_click=self.make)
            button.props("flat no-caps").classes("quiet").set_visibility(may(Role.EDITOR))

    async def make(self) -> None:
        """Opens the form with the question, and the pages that its answer cited if it was covered."""
        cited = self._answer.citations if self._answer and self._answer.covered else ()
        origin = self._services.settings.address
        try:
            pages = await self._services.questionnaire.pages_at(
                [local_address(citation.address, origin) for citation in cited]
            )
        except AssistantError as error:
            self._status.fail(error.said)
            return
        form = GoldenForm(self._services, text=self._text, pages=pages, origin=Origin.SESSION)
        if said := await form.open():
            self._status.succeed(said)


def _lines(label: str, value: str) -> ui.textarea:
    return ui.textarea(label, value=value).classes("field").props("outlined stack-label autogrow")


def _split(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]
