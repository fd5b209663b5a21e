"""What needs attention now, each with a link to where it is mended; says calmly when nothing does.

Comes in: the service that looks. Goes out: a list that is rebuilt only when something else needs attention. Shown on
the overview.
"""

import asyncio
from urllib.parse import quote

from nicegui import ui

from core.errors import StorageError
from core.operations.attention import Attention, Concern, Kind

PATIENCE = 0.1
"""Seconds that a page waits for a look before it is shown without."""

PLACES = {Kind.PART: "/health", Kind.INDEX: "/knowledge", Kind.BUDGET: "/channels", Kind.DRAFTS: "/channels"}


class ConcernList:
    """Made once in a page; `look` brings it up to date."""

    def __init__(self, attention: Attention) -> None:
        self._attention = attention
        self._shown: tuple[Concern, ...] | None = None
        self._box = ui.element("div").props("aria-live=polite")
        with self._box:
            ui.label("Looking at every part …").classes("muted calm")

    async def begin(self) -> None:
        """Shows what is found at once; what takes longer is shown by the next `look`."""
        looking = asyncio.ensure_future(self.look())
        await asyncio.wait([looking], timeout=PATIENCE)

    async def look(self) -> None:
        """Shows what needs attention now."""
        try:
            concerns = await self._attention.concerns()
        except StorageError as error:
            concerns = (Concern(Kind.PART, error.said, "database", grave=True),)
        if concerns != self._shown and not self._box.is_deleted:
            self._shown = concerns
            self._box.clear()
            with self._box:
                _show(concerns)


def _show(concerns: tuple[Concern, ...]) -> None:
    if not concerns:
        with ui.element("div").classes("verdict calm").props("data-ready=true"):
            ui.element("span").classes("dot")
            ui.label("Nothing needs attention now")
        return
    with ui.element("div").classes("rows"):
        for concern in concerns:
            with ui.link(target=_mended_at(concern)).classes("row-link concern").mark(f"concern-{concern.kind}"):
                ui.label("Now" if concern.grave else "Soon").classes(f"badge {'bad' if concern.grave else 'warn'}")
                ui.label(concern.said).classes("reason")


def _mended_at(concern: Concern) -> str:
    return PLACES.get(concern.kind, f"/sources/{quote(concern.subject, safe='')}")
