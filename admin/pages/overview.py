"""What an owner looks at every morning: what needs attention, and what was asked, in figures that stay fresh.

The period and what the figures are kept to stand in the address.
"""

from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

from nicegui import events, ui

from admin.addresses import show_address
from admin.components.breakdown import by_channel, by_mode, in_numbers
from admin.components.concerns import ConcernList
from admin.components.loading import load
from admin.components.measures import BEFORE
from admin.components.places import place_name
from admin.components.status import StatusLine
from admin.components.tiles import Tiles
from admin.theme import empty, frame, heading, section
from core.bootstrap import Services
from core.domain.conversation import Mode
from core.domain.demo import DEMO
from core.domain.tally import Period, Place
from core.errors import StorageError
from core.operations.tally import Overview

EVERY = 15.0
"""Seconds between two looks."""

PERIODS = {Period.DAY: "24 hours", Period.WEEK: "7 days", Period.MONTH: "30 days"}
MODES = {"": "Agent and crew", "agent": "Agent", "crew": "Crew"}
STILL_COUNTING = "Older questions are still being counted; the figures grow until that is done."

MADE_UP = (
    "These figures hold made-up traffic: the workspace “demo”. `mlops-assistant demo --remove` takes it away again."
)


@dataclass(frozen=True)
class View:
    """What one browser looks at."""

    period: Period
    place: Place

    @property
    def where(self) -> str:
        """Where its figures are from, as a part of its address."""
        return where_of(self.place)

    @property
    def address(self) -> str:
        """The page's address, so that it can be shared."""
        query = {"period": self.period.value, **{k: str(v) for k, v in vars(self.place).items() if v}}
        return f"/overview?{urlencode(query)}"


def add_pages(services: Services) -> None:
    """Adds `/overview`."""

    @ui.page("/overview")
    async def overview_page(
        period: str = "", platform: str = "", workspace: str = "", channel: str = "", mode: str = ""
    ) -> None:
        place = Place(platform, workspace, channel, Mode(mode) if mode in {*Mode} else None)
        view = View(Period(period) if period in {*Period} else Period.WEEK, place)
        with frame("Overview", "Overview"):
            heading("Overview", "What was asked, what became of it, and what needs you.")
            section("Attention")
            concerns = ConcernList(services.attention)
            await concerns.begin()
            await load(OverviewPanel(services, view).begin())
            ui.timer(EVERY, concerns.look)


class OverviewPanel:
    """The figures of a view."""

    def __init__(self, services: Services, view: View) -> None:
        self._tally = services.tally
        self._view = view
        self._shown: Overview | None = None

    async def begin(self) -> None:
        """Builds the switches and all figures."""
        section("Questions")
        await self._switches()
        self._status = StatusLine()
        self._compared = ui.label().classes("muted small")
        self._demo = ui.label(MADE_UP).classes("pending").props("role=note")
        self._nothing = ui.element("div")
        with self._nothing:
            empty(
                "Nobody has asked anything in this time",
                "Choose a longer time or another channel, ask something in the playground, or mention the assistant "
                "in Slack or Discord.",
            )
        self._figures = ui.element("div").classes("overview")
        with self._figures:
            self._tiles = Tiles()
            self._numbers = ui.expansion("These charts in numbers", on_value_change=self._show_numbers).classes("tools")
            with section("By channel"):
                self._channels = ui.element("div")
            with section("By who answers"):
                self._modes = ui.element("div")
        await self.look()
        ui.timer(EVERY, self.look, immediate=False)

    async def look(self) -> None:
        """Shows the figures as they are now; what has not changed is left alone."""
        view = self._view
        try:
            overview = await self._tally.overview(view.period, view.place)
        except StorageError as error:
            self._status.fail(error.said)
            return
        if self._figures.is_deleted or view != self._view:  # gone, or another look is on its way
            return
        self._status.say("" if overview.complete else STILL_COUNTING)
        if overview != self._shown:
            self._shown = overview
            self._show(overview)

    def _show(self, overview: Overview) -> None:
        asked = bool(overview.figures.questions)
        self._compared.set_text(f"In UTC. Changes are against {BEFORE[overview.period]}, up to the same hour.")
        self._demo.set_visibility(any(place.workspace == DEMO for place, _ in overview.channels))
        self._nothing.set_visibility(not asked)
        self._figures.set_visibility(asked)
        self._tiles.show(overview)
        for box, table in ((self._channels, by_channel), (self._modes, by_mode)):
            box.clear()
            with box:
                table(overview)
        self._show_numbers()

    def _show_numbers(self) -> None:
        """The table of a closed fold is not built: it has hundreds of cells."""
        if self._shown and self._numbers.value:
            self._numbers.clear()
            with self._numbers:
                in_numbers(self._shown)

    async def _switches(self) -> None:
        with ui.element("div").classes("switches"):
            period = ui.toggle(PERIODS, value=self._view.period, on_change=self._switch_period)
            period.props('unelevated no-caps aria-label="Time"').classes("mode").mark("period")
            where = ui.select(await self._places(), value=self._view.where, on_change=self._switch_place)
            where.props('outlined dense aria-label="Channel"').classes("field").mark("where")
            mode = ui.select(MODES, value=str(self._view.place.mode or ""), on_change=self._switch_mode)
            mode.props('outlined dense aria-label="Who answers"').classes("field").mark("mode")

    async def _places(self) -> dict[str, str]:
        """Where figures can be kept to, by the part of the address that says so."""
        channels = await self._tally.places()
        platforms = [Place(name) for name in dict.fromkeys(place.platform for place in channels)]
        places = [Place(), *platforms, *(place for place in channels if place.workspace)]
        chosen = replace(self._view.place, mode=None)
        return {where_of(place): place_name(place) or "Everywhere" for place in (*places, chosen)}

    async def _switch_period(self, event: events.ValueChangeEventArguments[Period]) -> None:
        await self._switch(replace(self._view, period=event.value))

    async def _switch_place(self, event: events.ValueChangeEventArguments[str]) -> None:
        place = Place(**dict(parse_qsl(event.value)), mode=self._view.place.mode)
        await self._switch(replace(self._view, place=place))

    async def _switch_mode(self, event: events.ValueChangeEventArguments[str]) -> None:
        mode = Mode(event.value) if event.value else None
        await self._switch(replace(self._view, place=replace(self._view.place, mode=mode)))

    async def _switch(self, view: View) -> None:
        self._view = view
        show_address(view.address)
        await self.look()


def where_of(place: Place) -> str:
    """A channel as a part of an address; who answers is another part."""
    return urlencode({name: value for name, value in vars(place).items() if value and name != "mode"})
