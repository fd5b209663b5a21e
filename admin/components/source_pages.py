"""The pages of a source: how the last look at each went, and why one is failed or gone.

Comes in: pages. Goes out: a list, those that need attention first.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import quote

from nicegui import ui

from admin.components.moments import count, moment
from core.domain.knowledge import Page, PageStatus

STEP = 100
"""Pages shown at first, and added by each press of the button below them."""

BADGES = {PageStatus.LIVE: "good", PageStatus.FAILED: "bad", PageStatus.GONE: "warn"}

ORDER = [PageStatus.FAILED, PageStatus.GONE, PageStatus.LIVE]

Remove = Callable[[Page], Awaitable[None]]


class PageList:
    """The list; `remove` puts a button for it beside every page."""

    def __init__(self, remove: Remove | None) -> None:
        self._remove = remove
        self._limit = STEP
        self._pages: list[Page] = []

    def show(self, pages: list[Page]) -> None:
        """Builds the list."""
        self._pages = sorted(pages, key=lambda page: ORDER.index(page.status))
        self._listing()

    @ui.refreshable_method
    def _listing(self) -> None:
        numbers = {status: sum(page.status is status for page in self._pages) for status in PageStatus}
        ui.label(" · ".join(f"{n:,} {status.value}" for status, n in numbers.items() if n)).classes("muted")
        with ui.element("div").classes("rows"):
            for page in self._pages[: self._limit]:
                self._page(page)
        left = len(self._pages) - self._limit
        if left > 0:
            ui.button(f"Show more of {count(left, 'page')}", on_click=self._more).props("flat no-caps").classes("more")

    def _more(self) -> None:
        self._limit += STEP
        self._listing.refresh()

    def _page(self, page: Page) -> None:
        with ui.element("div").classes("entry"):
            with ui.element("div").classes("row-head"):
                if page.title:
                    ui.link(page.title, f"/knowledge/{quote(page.path)}").classes("row-title")
                else:
                    ui.label(page.location or page.path).classes("row-title")
                ui.label(page.status.value).classes(f"badge {BADGES[page.status]}")
                if self._remove:
                    button = ui.button(icon="delete", on_click=partial(self._remove, page)).classes("quiet")
                    button.props("flat round title=Remove").props["aria-label"] = f"Remove {page.title or page.path}"
            with ui.element("div").classes("facts"):
                if page.checked_at:
                    ui.label(f"looked at {moment(page.checked_at)}")
                if page.gone_since:
                    ui.label(f"gone since {moment(page.gone_since)}")
                if page.title:
                    ui.label(page.location).classes("address")
            if page.reason:
                ui.label(page.reason).classes("reason" if page.status is PageStatus.LIVE else "reason problem")
