"""The list of all conversations, the latest first, with a search over what was said in them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from nicegui import events, ui

from admin.components.moments import count, moment
from admin.components.places import PLATFORMS
from admin.guard import MOUNT
from admin.theme import empty, frame, heading
from core.bootstrap import Services
from core.domain.conversation import Session, SessionKey

PAGE = 25
"""Sessions shown at once."""


@dataclass
class View:
    """What part of the list one browser looks at."""

    search: str
    page: int

    @property
    def address(self) -> str:
        """The page's address, so that going back and reloading show the same part."""
        query = {k: v for k, v in (("q", self.search), ("page", self.page)) if v}
        return f"{MOUNT}/sessions?{urlencode(query)}" if query else f"{MOUNT}/sessions"


def add_pages(services: Services) -> None:
    """Adds `/sessions`."""

    @ui.page("/sessions")
    async def sessions_page(q: str = "", page: int = 0) -> None:
        view = View(q, max(page, 0))

        @ui.refreshable
        async def listing() -> None:
            found = await services.sessions.list(search=view.search, limit=PAGE + 1, offset=view.page * PAGE)
            _list(found[:PAGE], view)
            _pager(view, more=len(found) > PAGE, turn=turn)

        async def turn(pages: int) -> None:
            view.page += pages
            await show()

        async def search(event: events.ValueChangeEventArguments[str | None]) -> None:
            view.search, view.page = event.value or "", 0
            await show()

        async def show() -> None:
            ui.navigate.history.replace(view.address)
            await listing.refresh()

        with frame("Sessions", "Sessions"):
            heading("Sessions", "Every conversation, wherever it was held.")
            box = ui.input(placeholder="Search what was said", value=view.search, on_change=search)
            box.classes("search").props('debounce=250 clearable outlined dense aria-label="Search sessions"')
            with box.add_slot("prepend"):
                ui.icon("search")
            await listing()


def place(key: SessionKey) -> str:
    """Where a conversation is held, for people."""
    where = " / ".join(part for part in (key.workspace, key.channel) if part)
    platform = PLATFORMS.get(key.platform, key.platform)
    return f"{platform} · {where}" if where else platform


def _list(found: list[Session], view: View) -> None:
    if not found and (view.search or view.page):
        empty("No session matches", "Search for fewer or other words, or clear the search box.")
    elif not found:
        empty(
            "No conversation yet",
            "Ask something in the playground, mention the assistant in Slack or Discord, or call POST /chat.",
        )
    else:
        with ui.element("div").classes("rows"):
            for session in found:
                _row(session)


def _row(session: Session) -> None:
    with ui.link(target=f"/sessions/{session.id}").classes("row-link"):
        ui.label(session.title or "Untitled").classes("row-title")
        with ui.element("div").classes("facts"):
            ui.label(place(session.key))
            ui.label(count(session.messages, "message"))
            ui.label(moment(session.updated_at))


def _pager(view: View, *, more: bool, turn: Callable[[int], Awaitable[None]]) -> None:
    if not more and view.page == 0:
        return
    with ui.element("div").classes("pager"):
        newer = ui.button("Newer", icon="arrow_back", on_click=lambda: turn(-1)).props("flat no-caps")
        newer.set_enabled(view.page > 0)
        ui.label(f"Page {view.page + 1}").classes("muted")
        older = ui.button("Older", on_click=lambda: turn(1)).props("flat no-caps icon-right=arrow_forward")
        older.set_enabled(more)
