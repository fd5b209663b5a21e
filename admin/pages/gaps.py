"""What people asked that had no good answer, by what they meant, and what became of it."""

import asyncio
from datetime import datetime
from urllib.parse import urlencode

from nicegui import events, ui

from admin.addresses import show_address
from admin.components.loading import load
from admin.components.moments import count, moment
from admin.components.weeks import weeks_view
from admin.theme import empty, frame, heading
from core.bootstrap import Services
from core.domain.gaps import Gap, GapState, Order

PAGE = 25
"""Gaps shown at once."""

LOOK_SECONDS = 10.0
"""How often new questions are looked for while somebody looks; sooner while there are more."""

ALL = "all"
SAID = {GapState.OPEN: "Open", GapState.ANSWERED: "Answered", GapState.WONT_DO: "Won't do"}
LOOKS = {GapState.OPEN: "badge warn", GapState.ANSWERED: "badge good", GapState.WONT_DO: "badge"}


def add_pages(services: Services) -> None:
    """Adds `/gaps`."""

    @ui.page("/gaps")
    async def gaps_page(state: str = GapState.OPEN, sort: str = Order.LARGEST, after: str = "", id: str = "") -> None:  # noqa: A002
        with frame("Gaps", "Gaps"):
            heading("Gaps", "What people asked that had no good answer. Write one, and it is found at once.")
            await load(GapList(services, state, sort, (after, id) if after and id else None).show())


class GapList:
    """The list, with its filters in the address."""

    def __init__(self, services: Services, state: str, sort: str, after: tuple[str, str] | None) -> None:
        self._services = services
        self._state = state if state in {ALL, *GapState} else str(GapState.OPEN)
        self._order = Order(sort) if sort in set(Order) else Order.LARGEST
        self._after = after if after and _fits(after, self._order) else None
        self._shown: list[Gap] = []
        self._refreshing = asyncio.Lock()

    async def show(self) -> None:
        """Builds all of it; new questions are put into gaps behind it."""
        with ui.element("div").classes("filters"):
            ui.link("Cards: what was written so far", "/cards").classes("back")
            states = {ALL: "All", **{str(state): said for state, said in SAID.items()}}
            self._select(states, self._state, "State", self._choose_state)
            orders = {str(Order.LARGEST): "Largest first", str(Order.NEWEST): "Newest first"}
            self._select(orders, str(self._order), "Order", self._choose_order)
        await self._listing()
        ui.timer(LOOK_SECONDS, self._look)

    async def _look(self) -> None:
        """Puts what came since into gaps, some at a time, and shows it."""
        more = True
        while more:
            more = await self._services.gaps.look()
            if await self._found() != self._shown:
                await self._refresh()

    async def _refresh(self) -> None:
        async with self._refreshing:  # one after the other: side by side they would both be seen
            await self._listing.refresh()

    async def _found(self) -> list[Gap]:
        state = None if self._state == ALL else GapState(self._state)
        return await self._services.gaps.page(state, self._order, PAGE + 1, self._after)

    @ui.refreshable_method
    async def _listing(self) -> None:
        found = self._shown = await self._found()
        if not found:
            await self._nothing()
            return
        trends = await self._services.gaps.trends(found[:PAGE])
        with ui.element("div").classes("rows"):
            for gap in found[:PAGE]:
                _row(gap, trends[gap.id])
        if len(found) > PAGE:
            last = found[PAGE - 1]
            value = str(last.size) if self._order is Order.LARGEST else last.last_seen.isoformat()
            ui.link("Further gaps →", self._address(after=value, id=last.id)).classes("more")

    async def _nothing(self) -> None:
        if self._after or await self._services.gaps.counts():
            empty("No gap here", "Choose another state above to see the others.")
        else:
            empty("No gaps", "Questions appear here that were not covered, not helped by their answer, or escalated.")

    def _select(
        self,
        options: dict[str, str],
        value: str,
        label: str,
        chosen: events.Handler[events.ValueChangeEventArguments[str]],
    ) -> None:
        select = ui.select(options, value=value, on_change=chosen).classes("search filter")
        select.props(f'outlined dense options-dense aria-label="{label}"').mark(label.lower())

    async def _choose_state(self, event: events.ValueChangeEventArguments[str]) -> None:
        self._state = event.value or ALL
        await self._anew()

    async def _choose_order(self, event: events.ValueChangeEventArguments[str]) -> None:
        self._order = Order(event.value or Order.LARGEST)
        await self._anew()

    async def _anew(self) -> None:
        self._after = None
        show_address(self._address())
        await self._refresh()

    def _address(self, **more: str) -> str:
        return f"/gaps?{urlencode({'state': self._state, 'sort': str(self._order), **more})}"


def _row(gap: Gap, weeks: list[int]) -> None:
    with ui.link(target=f"/gaps/{gap.id}").classes("row-link gap-row"):
        with ui.element("div").classes("gap-text"):
            ui.label(gap.title).classes("row-title clipped")
            with ui.element("div").classes("facts"):
                ui.label(count(gap.size, "question"))
                ui.label(f"last {moment(gap.last_seen)}")
        weeks_view(weeks)
        ui.label(SAID[gap.state]).classes(LOOKS[gap.state])


def _fits(after: tuple[str, str], order: Order) -> bool:
    """Whether a place in the list, as it stands in the address, is one."""
    try:
        int(after[0]) if order is Order.LARGEST else datetime.fromisoformat(after[0])
    except ValueError:
        return False
    return True
