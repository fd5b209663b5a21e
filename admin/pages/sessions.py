"""The list of all conversations, the latest first: searched, filtered, exported, and kept up to date."""

from fastapi import Request
from nicegui import ui

from admin.addresses import show_address
from admin.components.erase_person import ErasePerson
from admin.components.loading import load
from admin.components.session_filter import FilterBar
from admin.components.session_row import session_row
from admin.components.status import StatusLine
from admin.exports import FORMATS, LIST_EXPORT
from admin.session_filters import View, read_view
from admin.theme import empty, frame, heading
from core.bootstrap import Services
from core.domain.history import Cursor, Listing, SessionFilter

PAGE = 25
"""Sessions shown at once."""

EVERY = 5.0
"""Seconds after which the list is looked at again, while somebody does."""


def add_pages(services: Services) -> None:
    """Adds `/sessions`."""

    @ui.page("/sessions")
    async def sessions_page(request: Request) -> None:
        with frame("Sessions", "Sessions"):
            heading("Sessions", "Every conversation, wherever it was held.")
            await load(SessionList(services, read_view(request.query_params)).show())


class SessionList:
    """The fields, the list and its pager."""

    def __init__(self, services: Services, view: View) -> None:
        self._services = services
        self._view = view
        self._shown: Listing | None = None

    async def show(self) -> None:
        """Builds all of it."""
        FilterBar(self._view.wanted, self._filter).show()
        self._status = StatusLine()
        await self._listing()
        ui.timer(EVERY, self._look_again)

    async def _filter(self, wanted: SessionFilter) -> None:
        await self._go(View(wanted))

    async def _older(self, cursor: Cursor | None) -> None:
        await self._go(View(self._view.wanted, older_than=cursor))

    async def _newer(self, cursor: Cursor | None) -> None:
        await self._go(View(self._view.wanted, newer_than=cursor))

    async def _go(self, view: View) -> None:
        self._view = view
        show_address(view.address("/sessions"))
        await self._listing.refresh()

    async def _look_again(self) -> None:
        if await self._find() != self._shown:
            await self._listing.refresh()

    async def _find(self) -> Listing:
        view = self._view
        places = {"older_than": view.older_than, "newer_than": view.newer_than}
        return await self._services.conversations.page(view.wanted, PAGE, **places)

    @ui.refreshable_method
    async def _listing(self) -> None:
        self._shown = found = await self._find()
        if not found.items:
            self._nothing()
            return
        self._tools()
        with ui.element("div").classes("rows"):
            for listed in found.items:
                session_row(listed, self._view.wanted.search)
        self._pager(found)

    def _nothing(self) -> None:
        if self._view == View():
            advice = "Ask something in the playground, mention the assistant in Slack or Discord, or call POST /chat."
            empty("No conversation yet", advice)
        else:
            empty("No session matches", "Search for fewer or other whole words, or clear the filters.")

    def _tools(self) -> None:
        wanted = self._view.wanted
        with ui.element("div").classes("actions export"):
            ui.label("Export these as").classes("muted small")
            for kind, form in FORMATS.items():
                ui.link(form.name, View(wanted).address(f"{LIST_EXPORT}.{kind}")).classes("action").props("download")
            if wanted.person and wanted.platform:
                ErasePerson(self._services, wanted.platform, wanted.person, self._erased, self._status).show()

    async def _erased(self, told: str) -> None:
        self._status.succeed(told)
        await self._listing.refresh()

    def _pager(self, found: Listing) -> None:
        if not (found.newer or found.older):
            return
        with ui.element("div").classes("pager"):
            newer = ui.button("Newer", icon="arrow_back", on_click=lambda: self._newer(found.newer))
            newer.props("flat no-caps").set_enabled(found.newer is not None)
            older = ui.button("Older", on_click=lambda: self._older(found.older))
            older.props("flat no-caps icon-right=arrow_forward").set_enabled(found.older is not None)
