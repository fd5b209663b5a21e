"""What the assistant knows: the live index, its versions and refreshes, and the pages behind it."""

from urllib.parse import quote

from nicegui import events, ui

from admin.components.moments import count, moment, span
from admin.components.reindex import Reindex
from admin.theme import empty, frame, heading, section
from core.bootstrap import Services
from core.domain.knowledge import Document, IndexVersion, RefreshRun, RunStatus, Stage

RUNS = 4
"""Refreshes shown."""

RUN_BADGES = {RunStatus.PROMOTED: "good", RunStatus.FAILED: "bad"}


def add_pages(services: Services) -> None:
    """Adds `/knowledge`."""
    library = services.library

    @ui.page("/knowledge")
    async def knowledge_page() -> None:
        words = ""

        @ui.refreshable
        async def live() -> None:
            _live(await services.versions.production())

        @ui.refreshable
        async def documents() -> None:
            _documents(await library.documents(search=words), searched=bool(words.strip()))

        @ui.refreshable
        async def history() -> None:
            if runs := await services.runs.latest(RUNS):
                with ui.element("div").classes("history"):
                    _runs(runs)
                    _versions(await services.versions.all())

        async def search(event: events.ValueChangeEventArguments[str | None]) -> None:
            nonlocal words
            words = event.value or ""
            await documents.refresh()

        async def show_news() -> None:
            await live.refresh()
            await documents.refresh()
            await history.refresh()

        with frame("Knowledge", "Knowledge"):
            heading("Knowledge", "The pages that answers come from, and the index that finds them.")
            await live()
            Reindex(services.refresher, show_news)
            await history()
            with section("Documents"):
                _search_box(search)
                await documents()


def _live(version: IndexVersion | None) -> None:
    if version is None:
        empty("Nothing is indexed yet", "Press “Re-index now”: the pages that ship take less than a minute.")
        return
    with ui.element("div").classes("figures"):
        _figure(f"{version.documents:,}", "documents")
        _figure(f"{version.passages:,}", "passages")
        _figure(moment(version.created_at), f"live version {version.id[-8:]}, built in {_seconds(version)}")


def _figure(value: str, meaning: str) -> None:
    with ui.element("div").classes("figure"):
        ui.label(value).classes("figure-value")
        ui.label(meaning).classes("muted")


def _search_box(search: events.Handler[events.ValueChangeEventArguments[str | None]]) -> None:
    box = ui.input(placeholder="Search title, product or text", on_change=search).classes("search")
    box.props('debounce=250 clearable outlined dense aria-label="Search documents"')
    with box.add_slot("prepend"):
        ui.icon("search")


def _documents(found: list[Document], *, searched: bool) -> None:
    if not found and searched:
        empty("No document matches", "Search for fewer or other words, or clear the search box.")
    elif not found:
        empty("No documents", "Put Markdown pages into KNOWLEDGE_DIR, then press “Re-index now”.")
    else:
        ui.label(count(len(found), "document")).classes("muted")
        with ui.element("div").classes("rows"):
            for document in found:
                _document(document)


def _document(document: Document) -> None:
    with ui.link(target=f"/knowledge/{quote(document.path)}").classes("row-link"):
        ui.label(document.title).classes("row-title")
        with ui.element("div").classes("facts"):
            ui.label(document.product).classes("product")
            ui.label(document.path).classes("address")


def _versions(versions: list[IndexVersion]) -> None:
    if not versions:
        return
    with section("Index versions"), ui.element("div").classes("rows"):
        for version in versions:
            with ui.element("div").classes("entry"):
                with ui.element("div").classes("row-head"):
                    ui.label(f"Version {version.id[-8:]}").classes("row-title")
                    live = version.stage is Stage.PRODUCTION
                    ui.label(version.stage.value).classes("badge good" if live else "badge")
                with ui.element("div").classes("facts"):
                    ui.label(moment(version.created_at))
                    ui.label(f"{count(version.passages, 'passage')} of {count(version.documents, 'document')}")
                    ui.label(f"built in {_seconds(version)}")


def _runs(runs: list[RefreshRun]) -> None:
    with section("Latest refreshes"), ui.element("div").classes("rows"):
        for run in runs:
            _run(run)


def _run(run: RefreshRun) -> None:
    with ui.element("div").classes("entry"):
        with ui.element("div").classes("row-head"):
            ui.label(moment(run.started_at)).classes("row-title")
            ui.label(run.status.value.capitalize()).classes(f"badge {RUN_BADGES.get(run.status, '')}")
        with ui.element("div").classes("facts"):
            ui.label(f"asked by {run.trigger}")
            if run.finished_at:
                ui.label(f"took {span((run.finished_at - run.started_at).total_seconds() * 1000)}")
        if run.reason:
            ui.label(run.reason).classes("reason")


def _seconds(version: IndexVersion) -> str:
    return span(version.seconds * 1000)
