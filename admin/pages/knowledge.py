"""What the assistant knows: the live index, its versions and changes, and the documents behind it."""

from nicegui import ui

from admin.catalogue import Catalogue
from admin.components.changes import changes_view
from admin.components.documents import DocumentList, Wanted
from admin.components.loading import load
from admin.components.moments import moment, span
from admin.components.reindex import Reindex
from admin.components.runs import runs_view
from admin.components.versions import VersionList
from admin.theme import empty, frame, heading, section
from core.bootstrap import Services
from core.domain.knowledge import IndexVersion

LATEST = 5
"""Refreshes and changes shown."""


def add_pages(services: Services) -> None:
    """Adds `/knowledge`."""
    catalogue = Catalogue(services.library)

    @ui.page("/knowledge")
    async def knowledge_page(q: str = "", source: str = "", product: str = "") -> None:
        with frame("Knowledge", "Knowledge"):
            heading("Knowledge", "The pages that answers come from, and the index that finds them.")
            ui.link("Search lab: try a question and see what it finds", "/knowledge/search").classes("back")
            await load(_all(services, DocumentList(services.library, catalogue, Wanted(q, source, product))))


async def _all(services: Services, documents: DocumentList) -> None:
    @ui.refreshable
    async def live() -> None:
        _live(await services.versions.production())

    @ui.refreshable
    async def history() -> None:
        runs, changes = await services.runs.latest(LATEST), await services.versions.changes(LATEST)
        with ui.element("div").classes("history"):
            changes_view(changes)
            runs_view(runs)

    async def show_news() -> None:
        await live.refresh()
        await versions.refresh()
        await history.refresh()
        await documents.refresh()

    versions = VersionList(services, show_news)
    await live()
    reindex = Reindex(services.refresher, show_news)
    await versions.show()
    await history()
    with section("Documents"):
        await documents.show()
    reindex.watch()


def _live(version: IndexVersion | None) -> None:
    if version is None:
        empty("Nothing is indexed yet", "Press “Re-index now”: the pages that ship take less than a minute.")
        return
    built = f"live version {version.id[-8:]}, built in {span(version.seconds * 1000)}"
    with ui.element("div").classes("figures"):
        _figure(f"{version.documents:,}", "documents")
        _figure(f"{version.passages:,}", "passages")
        _figure(str(version.revision), "revision")
        _figure(moment(version.created_at), built)
        ui.label(version.stage.value).classes("badge good")


def _figure(value: str, meaning: str) -> None:
    with ui.element("div").classes("figure"):
        ui.label(value).classes("figure-value")
        ui.label(meaning).classes("muted")
