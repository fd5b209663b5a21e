"""The list of golden questions, with a search and filters by kind and origin, kept in the address.

Comes in: services, and what the address asks for. Goes out: questions some at a time, and what can be done to each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from nicegui import events, ui

from admin.components.confirm import confirm
from admin.components.golden import GoldenForm
from admin.components.golden_import import GoldenImport
from admin.components.moments import count
from admin.components.status import StatusLine
from admin.permissions import editing, may
from admin.theme import empty
from core.bootstrap import Services
from core.domain.golden import GoldenFilter, GoldenQuestion, Origin
from core.domain.people import Role
from core.errors import AssistantError

STEP = 25
"""Questions shown at first, and added by each press of the button below them."""

LOOK_SECONDS = 10.0
"""How often an open page looks for what others did."""

UNCOVERED = "not-covered"
"""The kind of questions that no page answers, whatever their style."""

ORIGINS = {
    Origin.SHIPPED: "shipped",
    Origin.SESSION: "from a session",
    Origin.IMPORT: "imported",
    Origin.TYPED: "typed",
}


@dataclass
class Wanted:
    """Which questions one browser looks at; empty means all."""

    q: str = ""
    kind: str = ""
    origin: str = ""

    @property
    def filter(self) -> GoldenFilter:
        """What the questionnaire is asked for."""
        if self.kind == UNCOVERED:
            return GoldenFilter(self.q, origin=self.origin, covered=False)
        return GoldenFilter(self.q, self.kind, self.origin)


class GoldenList:
    """Buttons, search box, filters and list. `moved` is told when the address should say something else."""

    def __init__(self, services: Services, wanted: Wanted, moved: Callable[[], None]) -> None:
        self._services = services
        self._questionnaire = services.questionnaire
        self._wanted = wanted
        self._moved = moved
        self._total = 0

    async def show(self) -> None:
        """Builds all of it."""
        with ui.element("div").classes("actions"):
            if may(Role.EDITOR):
                ui.button("Add a question", icon="add", on_click=self.add).props("unelevated no-caps")
                ui.button("Import", icon="upload", on_click=self.take).props("outline no-caps")
            ui.button("Export", icon="download", on_click=self.export).props("outline no-caps")
        self._status = StatusLine()
        styles = {style: style for style in await self._questionnaire.styles()}
        with ui.element("div").classes("filters"):
            box = ui.input(placeholder="Search question, id or page", value=self._wanted.q, on_change=self._search)
            box.classes("search").props('debounce=250 clearable outlined dense aria-label="Search golden questions"')
            with box.add_slot("prepend"):
                ui.icon("search")
            kinds = {"": "All kinds", UNCOVERED: "Not covered", **styles}
            _filter("Kind", kinds, self._wanted.kind, self._choose_kind)
            origins = {"": "All origins", **{str(origin): name for origin, name in ORIGINS.items()}}
            _filter("Origin", origins, self._wanted.origin, self._choose_origin)
        await self._listing()
        ui.timer(LOOK_SECONDS, self._look_again)

    async def refresh(self) -> None:
        """Shows the questions as they are now."""
        await self._listing.refresh()

    async def add(self) -> None:
        """Asks for a new question."""
        await self._edit(None)

    async def take(self) -> None:
        """Asks for a file of questions."""
        await GoldenImport(self._services).open()
        await self.refresh()

    async def export(self) -> None:
        """Sends those that are looked for as a file."""
        text = await self._questionnaire.export(self._wanted.filter)
        ui.download.content(text.encode(), "golden.jsonl", "application/jsonl")

    @ui.refreshable_method
    async def _listing(self) -> None:
        wanted = self._wanted.filter
        self._total = await self._questionnaire.count(wanted)
        if not self._total:
            _nothing(searched=wanted != GoldenFilter())
            return
        ui.label(count(self._total, "question")).classes("muted")
        self._rows = ui.element("div").classes("rows")
        self._last = ""
        self._more = ui.button("Show more", on_click=self._show_more).props("flat no-caps").classes("more")
        await self._show_more()

    async def _look_again(self) -> None:
        """Shows what others added or removed meanwhile."""
        if await self._questionnaire.count(self._wanted.filter) != self._total:
            await self.refresh()

    async def _show_more(self) -> None:
        found = await self._questionnaire.find(self._wanted.filter, STEP + 1, before=self._last)
        with self._rows:
            for question in found[:STEP]:
                self._row(question)
        self._last = found[:STEP][-1].id if found else self._last
        self._more.set_visibility(len(found) > STEP)

    def _row(self, question: GoldenQuestion) -> None:
        with ui.element("div").classes("entry source-entry"):
            with ui.element("div").classes("source-text"):
                ui.label(question.question).classes("row-title clamped")
                _facts(question)
            if not may(Role.EDITOR):
                return
            with ui.element("div").classes("actions"):
                edit = ui.button(icon="edit", on_click=partial(self._edit, question)).classes("quiet")
                edit.props("flat round title=Change").props["aria-label"] = f"Change {question.id}"
                remove = ui.button(icon="delete", on_click=partial(self._remove, question)).classes("quiet")
                remove.props("flat round title=Remove").props["aria-label"] = f"Remove {question.id}"
                switch = ui.switch(value=question.enabled, on_change=partial(self._switch, question))
                switch.props('dense title="Whether it is asked"').props["aria-label"] = f"Ask {question.id}"

    async def _edit(self, question: GoldenQuestion | None) -> None:
        if said := await GoldenForm(self._services, question).open():
            self._status.succeed(said)
            await self.refresh()

    @editing
    async def _remove(self, question: GoldenQuestion) -> None:
        said = [question.question[:300], "It is asked of no version any more. What was measured with it stays."]
        if not await confirm("Remove this question?", said, "Remove"):
            return
        try:
            await self._questionnaire.remove(question.id)
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            self._status.succeed("The question was removed.")
        await self.refresh()

    @editing
    async def _switch(self, question: GoldenQuestion, event: events.ValueChangeEventArguments[bool | None]) -> None:
        try:
            await self._questionnaire.change(question.id, {}, enabled=bool(event.value))
        except AssistantError as error:
            self._status.fail(error.said)
            await self.refresh()
        else:
            self._status.succeed("The question is asked again." if event.value else "The question is kept, not asked.")

    async def _search(self, event: events.ValueChangeEventArguments[str | None]) -> None:
        await self._look(q=event.value or "")

    async def _choose_kind(self, event: events.ValueChangeEventArguments[str]) -> None:
        await self._look(kind=event.value or "")

    async def _choose_origin(self, event: events.ValueChangeEventArguments[str]) -> None:
        await self._look(origin=event.value or "")

    async def _look(self, **changed: str) -> None:
        for name, value in changed.items():
            setattr(self._wanted, name, value)
        self._moved()
        await self.refresh()


def _filter(
    label: str, options: dict[str, str], value: str, chosen: events.Handler[events.ValueChangeEventArguments[str]]
) -> None:
    options = options if value in options else {**options, value: value}
    select = ui.select(options, value=value, on_change=chosen).classes("search filter")
    select.props(f'outlined dense options-dense aria-label="{label}"').mark(f"golden-{label.lower()}")


def _facts(question: GoldenQuestion) -> None:
    with ui.element("div").classes("facts"):
        if not question.gold:
            ui.label("not covered")
        for page in question.gold:
            ui.link(page, f"/knowledge/{quote(page)}").classes("address")
        if len(question.gold) > 1:
            ui.label("all of them" if question.need == "all" else "any of them")
        if question.style:
            ui.label(question.style)
        ui.label(ORIGINS[question.origin])
        ui.label(question.id).classes("address")


def _nothing(*, searched: bool) -> None:
    if searched:
        empty("No question matches", "Search for other words, or clear search box and filters.")
    else:
        empty(
            "No golden question yet",
            "Add what people ask, with the pages that answer it; or make one of a question in a session.",
        )
