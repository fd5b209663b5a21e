"""How a source is shown: its kind, where it is, how the last look went, and whether it is looked at."""

from urllib.parse import quote

from nicegui import ui

from admin.components.moments import count, moment
from core.domain.knowledge import Source, SourceKind

KIND_WORDS = {
    SourceKind.PAGE: "pages",
    SourceKind.SITEMAP: "sitemap",
    SourceKind.LLMS_TXT: "llms.txt",
    SourceKind.GIT: "git",
    SourceKind.FOLDER: "folder",
    SourceKind.UPLOAD: "uploads",
    SourceKind.CARDS: "cards",
}


def source_summary(source: Source, pages: int, failing: int = 0, *, linked: bool = True) -> None:
    """Name, badges, facts and the problem, if there is one; `failing` pages could not be read."""
    with ui.element("div").classes("source-name"):
        if linked:
            ui.link(source.name, f"/sources/{quote(source.name)}").classes("row-title")
        ui.label(KIND_WORDS[source.kind]).classes("badge")
        if source.internal:
            ui.label("internal").classes("badge warn")
        if not source.enabled:
            ui.label("off").classes("badge")
        if source.problem:
            ui.label("problem").classes("badge bad")
    with ui.element("div").classes("facts"):
        if source.product:
            ui.label(source.product).classes("product")
        ui.label(count(pages, "page"))
        if failing:
            ui.link(f"{failing:,} could not be read", f"/sources/{quote(source.name)}").classes("problem")
        ui.label(_last_look(source))
        if source.location:
            ui.label(source.location).classes("address")
    if source.problem:
        ui.label(source.problem).classes("reason problem")


def _last_look(source: Source) -> str:
    if source.refreshed_at:
        return f"last look {moment(source.refreshed_at)}"
    if source.kind is SourceKind.CARDS:
        return "written in this console"
    return "files are uploaded here" if source.kind is SourceKind.UPLOAD else "not looked at yet"
