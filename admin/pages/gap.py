"""One gap: who asked, what comes nearest, the answer that is written for it, and the way of that back into chat."""

from datetime import timedelta

from nicegui import ui

from admin.components.card_form import CardForm
from admin.components.loading import load
from admin.components.moments import count, moment
from admin.components.places import place_name
from admin.components.prose import is_web_address
from admin.components.status import StatusLine
from admin.components.weeks import weeks_view
from admin.pages.gaps import LOOKS, SAID
from admin.permissions import editing, may
from admin.theme import empty, frame, heading, section
from core.answering.errands import can_be_asked_again
from core.answering.masking import without_masks
from core.bootstrap import Services
from core.domain.gaps import Card, Gap, GapExample, GapState
from core.domain.people import Role
from core.errors import AssistantError, UnknownGap
from core.storage.ids import now

NEAREST = 5
"""Pages shown that come nearest."""

RECENT = timedelta(days=7)
"""Questions this old are chosen to be answered in their threads, unless somebody chooses otherwise."""

REFRESH_SECONDS = 3.0
"""How often what becomes of questions that are asked again is looked up."""

AGAIN = {
    "waiting": "waits for its channel",
    "pending": "is being answered",
    "answered": "is being posted",
    "delivered": "answered in its thread",
    "nothing": "asked again, and still not covered: nothing was posted",
}


def add_pages(services: Services) -> None:
    """Adds `/gaps/{id}`."""

    @ui.page("/gaps/{gap_id}")
    async def gap_page(gap_id: str) -> None:
        with frame("Gap", "Gaps"):
            ui.link("← All gaps", "/gaps").classes("back")
            try:
                gap = await services.gaps.get(gap_id)
            except UnknownGap:
                ui.context.client.status_code = 404
                empty("No such gap", "Its questions were deleted. Go back to the list of all gaps.")
                return
            ui.page_title(f"{gap.title} · MLOps Assistant")
            await load(GapView(services, gap).show())


class GapView:
    """One gap, and all that can be done about it."""

    def __init__(self, services: Services, gap: Gap) -> None:
        self._services = services
        self._gap = gap
        self._chosen: dict[str, ui.checkbox] = {}
        self._told: list[str] = []
        self._edits = may(Role.EDITOR)

    async def show(self) -> None:
        """Builds all of it; the nearest pages follow once they are found."""
        heading(self._gap.title)
        await self._facts()
        with ui.element("div").classes("written"):
            await self._cards()
        if self._edits:
            self._form = ui.element("div").classes("section written")
            await self._actions()
        self._status = StatusLine()
        await self._back_to_chat()
        with section("Asked as"):
            await self._examples()
        with section("What comes nearest"):
            await self._nearest()
        ui.timer(0.05, self._search, once=True)
        ui.timer(REFRESH_SECONDS, self._news)

    @editing
    async def decide(self, state: GapState) -> None:
        """Notes what is to become of the gap."""
        try:
            await self._services.gaps.decide(self._gap.id, state)
            self._gap = await self._services.gaps.get(self._gap.id)
        except AssistantError as error:
            self._status.fail(error.said)
        await self._shown_anew()

    @editing
    async def ask_again(self) -> None:
        """Has the chosen questions answered where they were asked."""
        chosen = {question_id for question_id, box in self._chosen.items() if box.value}
        examples = await self._services.gaps.examples(self._gap.id)
        try:
            number = await self._services.errands.ask_again(
                self._gap.id, [example for example in examples if example.question_id in chosen]
            )
        except AssistantError as error:
            self._status.fail(error.said)
            return
        answered = f"{count(number, 'question')} will be answered in the threads they were asked in."
        self._status.succeed(answered if number else "Nothing was chosen that is not being answered already.")
        await self._shown_anew()

    @ui.refreshable_method
    async def _facts(self) -> None:
        gap = self._gap
        weeks = await self._services.gaps.trends([gap])
        with ui.element("div").classes("gap-head"):
            with ui.element("div").classes("facts"):
                ui.label(count(gap.size, "question"))
                ui.label(f"first {moment(gap.first_seen)}")
                ui.label(f"last {moment(gap.last_seen)}")
                if gap.decided_by and gap.state is not GapState.OPEN:
                    ui.label(f"decided by {gap.decided_by}")
            weeks_view(weeks[gap.id])
            ui.label(SAID[gap.state]).classes(LOOKS[gap.state])

    @ui.refreshable_method
    async def _cards(self) -> None:
        for card in await self._services.cards.of_gap(self._gap.id):
            found = await self._services.cards.is_found(card)
            with ui.element("div").classes("facts"):
                ui.link(f"Card: {card.question}", f"/cards/{card.id}")
                ui.label("found by the index" if found else "not in the live index")

    @ui.refreshable_method
    async def _actions(self) -> None:
        written = bool(await self._services.cards.of_gap(self._gap.id))
        with ui.element("div").classes("actions"):
            write = ui.button("Write another answer" if written else "Write the answer", on_click=self._write)
            write.props("outline no-caps" if written else "unelevated no-caps").mark("write")
            if self._gap.state is not GapState.WONT_DO:
                wont = ui.button("Won't do", on_click=lambda: self.decide(GapState.WONT_DO))
                wont.props("flat no-caps").mark("wont-do")
            if self._gap.state is not GapState.OPEN:
                reopen = ui.button("Reopen", on_click=lambda: self.decide(GapState.OPEN))
                reopen.props("flat no-caps").mark("reopen")

    def _write(self) -> None:
        self._form.clear()
        with self._form:
            CardForm(self._services, self._saved, gap=self._gap)

    async def _saved(self, _: Card) -> None:
        self._gap = await self._services.gaps.get(self._gap.id)
        await self._shown_anew()
        await self._search()

    @ui.refreshable_method
    async def _back_to_chat(self) -> None:
        """The questions that can be answered where they were asked, once something is written that answers them."""
        self._chosen = {}
        examples = [e for e in await self._services.gaps.examples(self._gap.id) if can_be_asked_again(e)]
        if self._gap.state is not GapState.ANSWERED or not examples or not self._edits:
            return
        with section("Bring it back to chat"):
            ui.label("Each is asked once more in its thread, and answered there if that can be done now.").classes(
                "muted"
            )
            for example in examples:
                recent = example.asked_at >= now() - RECENT
                said = f"{example.text[:120]} ({place_name(example.session)}, {moment(example.asked_at)})"
                self._chosen[example.question_id] = ui.checkbox(said, value=recent).props("dense")
            again = ui.button("Answer in the threads", icon="forum", on_click=self.ask_again)
            again.props("unelevated no-caps").classes("first-action").mark("ask-again")

    @ui.refreshable_method
    async def _examples(self) -> None:
        examples = await self._services.gaps.examples(self._gap.id)
        self._told = [example.again for example in examples]
        with ui.element("div").classes("rows"):
            for example in examples:
                _example(example)

    @ui.refreshable_method
    async def _nearest(self, *, searched: bool = False) -> None:
        if not searched:
            ui.label("Searching …").classes("muted")
            return
        try:
            passages = await self._services.retriever.search(without_masks(self._gap.title), NEAREST)
        except AssistantError as error:
            ui.label(error.said).classes("muted")
            return
        with ui.element("div").classes("rows"):
            for passage in passages:
                with ui.element("div").classes("entry"), ui.element("div").classes("row-head"):
                    title = " — ".join(dict.fromkeys([passage.title, *passage.heading_path[-1:]]))
                    if is_web_address(passage.address):
                        ui.link(title, passage.address).classes("row-title")
                    else:
                        ui.label(title).classes("row-title")
                    ui.label(f"{passage.score:.2f}").classes("score").props('title="How likely it is about this"')

    async def _search(self) -> None:
        await self._nearest.refresh(searched=True)

    async def _news(self) -> None:
        """Shows what has become of questions that are asked again."""
        if self._told != [example.again for example in await self._services.gaps.examples(self._gap.id)]:
            await self._examples.refresh()
            await self._facts.refresh()

    async def _shown_anew(self) -> None:
        for part in (self._facts, self._cards, self._back_to_chat, self._examples):
            await part.refresh()
        if self._edits:
            await self._actions.refresh()


def _example(example: GapExample) -> None:
    with ui.element("div").classes("entry"):
        ui.label(example.text).classes("row-title")
        with ui.element("div").classes("facts"):
            ui.label(moment(example.asked_at))
            if example.private:
                ui.label("asked privately")
            else:
                ui.label(place_name(example.session))
                ui.link("Conversation", f"/sessions/{example.session_id}")
            for fate in example.fates:
                ui.label(fate)
            if example.again:
                ui.label(AGAIN.get(example.again, example.again)).classes("product")
