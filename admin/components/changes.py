"""What was done to the live index: pages added, changed and removed, in place or by a new version."""

from collections.abc import Sequence
from urllib.parse import quote

from nicegui import ui

from admin.components.moments import count, moment
from admin.components.reindex import changed_pages
from admin.theme import section
from core.domain.knowledge import Change

SHOWN = 30
"""Pages listed of each sort; the rest is counted."""


def changes_view(changes: list[Change]) -> None:
    """One entry a change, newest first; nothing before the first."""
    if not changes:
        return
    with section("Latest changes"), ui.element("div").classes("rows"):
        for change in changes:
            _change(change)


def _change(change: Change) -> None:
    with ui.element("div").classes("entry"):
        with ui.element("div").classes("row-head"):
            ui.label("Changed in place" if change.in_place else f"Version {change.version_id[-8:]} went live")
            if change.undone_at:
                ui.label("Undone").classes("badge warn")
        with ui.element("div").classes("facts"):
            ui.label(moment(change.created_at))
            ui.label(changed_pages(change))
        number = len(change.added) + len(change.changed) + len(change.removed)
        if number:
            with ui.expansion(count(number, "page")).classes("pages").props("dense"):
                _pages("Added", change.added)
                _pages("Changed", change.changed)
                _pages("Removed", change.removed, present=False)


def _pages(what: str, paths: Sequence[str], *, present: bool = True) -> None:
    if not paths:
        return
    with ui.element("div").classes("paths"):
        ui.label(what).classes("overline")
        for path in paths[:SHOWN]:
            if present:
                ui.link(path, f"/knowledge/{quote(path)}").classes("address")
            else:
                ui.label(path).classes("address")
        if len(paths) > SHOWN:
            ui.label(f"and {len(paths) - SHOWN:,} more").classes("muted")
