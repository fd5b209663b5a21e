"""Lets a page open before all of it is there, and says that the rest loads.

Comes in: a part of a page, to be built. Goes out: that part, in its place. Called by every page that looks things up.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from nicegui import app, background_tasks, ui

from admin.theme import empty
from core.errors import AssistantError

PATIENCE = 0.1
"""Seconds that a page waits for its parts before it is shown without them."""

BROKEN = "Something broke while this page was built; the log tells more. Reload it, or try again later."


async def load(content: Coroutine[Any, Any, None]) -> None:
    """Builds a part of a page. One that takes long is shown whole once it is there, so that nothing jumps."""
    part = ui.element("div").classes("part").props("aria-busy=true")
    with part, ui.element("div").classes("loading").props('role=status aria-label="Loading"') as sign:
        for _ in range(3):
            ui.element("div").classes("skeleton")
    building = asyncio.create_task(_build(content, part))
    await asyncio.wait([building], timeout=PATIENCE)
    if building.done():
        _show(part, sign)
        building.result()
        return
    part.client.on_delete(building.cancel)
    background_tasks.create(_reveal(building, part, sign), name="show a part of a page")


def broken(error: Exception) -> None:
    """Says what a person may know of an error."""
    empty("This page cannot be shown", error.said if isinstance(error, AssistantError) else BROKEN)


async def _build(content: Coroutine[Any, Any, None], part: ui.element) -> None:
    with part:
        await content


async def _reveal(building: asyncio.Task[None], part: ui.element, sign: ui.element) -> None:
    try:
        await building
    except Exception as error:  # a boundary: nobody else waits for what is built here
        app.handle_exception(error)
        if not part.is_deleted:
            with part:
                broken(error)
    _show(part, sign)


def _show(part: ui.element, sign: ui.element) -> None:
    """One update shows the part and hides the sign; were the sign removed first or last, the page would jump."""
    part.props(remove="aria-busy")
    sign.delete()
