"""Where pages come from: all sources, and one source with its pages and what became of each."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

from nicegui import events, ui

from admin.components.confirm import confirm
from admin.components.loading import load
from admin.components.moments import count
from admin.components.reindex import Reindex
from admin.components.schedule import times_in_words
from admin.components.source_form import SourceForm
from admin.components.source_pages import PageList
from admin.components.source_row import source_summary
from admin.components.status import StatusLine
from admin.components.uploads import Uploads
from admin.permissions import editing, may
from admin.theme import empty, frame, heading, section
from admin.unindexed import Unindexed
from core.bootstrap import Services
from core.domain.knowledge import Page, PageStatus, Source, SourceKind
from core.domain.people import Role
from core.errors import AssistantError, UnknownSource
from core.knowledge.defaults import SHIPPED

Shown = Callable[[], Awaitable[None]]


def add_pages(services: Services) -> None:
    """Adds `/sources` and `/sources/{name}`."""
    unindexed = Unindexed(services)

    @ui.page("/sources")
    async def sources_page() -> None:
        with frame("Sources", "Sources"):
            heading("Sources", "Where the pages come from that answers are made of.")
            await load(SourceList(services, unindexed).show())

    @ui.page("/sources/{name}")
    async def source_page(name: str) -> None:
        with frame(name, "Sources"):
            ui.link("← All sources", "/sources").classes("back")
            try:
                source = await services.sources.get(name)
            except UnknownSource:
                ui.context.client.status_code = 404
                empty("No such source", "It may have been removed. Go back to the list of all sources.")
                return
            await load(SourceView(services, unindexed, source).show())


class Actions:
    """What can be done to a source, the same on both pages. `changed` shows the outcome."""

    def __init__(self, services: Services, unindexed: Unindexed, status: StatusLine, changed: Shown) -> None:
        self._services = services
        self._unindexed = unindexed
        self._status = status
        self._changed = changed

    def show(self, source: Source, after_removal: Shown | None = None) -> None:
        """Switch and buttons, for those who may. The folder that ships can only be switched off."""
        if source.kind is SourceKind.CARDS:
            ui.link("All cards", "/cards")
            return
        if not may(Role.EDITOR):
            return
        with ui.element("div").classes("actions"):
            if source.name != SHIPPED:
                edit = ui.button(icon="edit", on_click=partial(self._edit, source)).classes("quiet")
                edit.props("flat round title=Change").props["aria-label"] = f"Change {source.name}"
                remove = ui.button(icon="delete", on_click=partial(self._remove, source, after_removal))
                remove.classes("quiet").props("flat round title=Remove").props["aria-label"] = f"Remove {source.name}"
            switch = ui.switch(value=source.enabled, on_change=partial(self._switch, source))
            switch.props(f'dense title="{_switch_hint(source)}"').props["aria-label"] = f"Look at {source.name}"

    @editing
    async def add(self) -> None:
        """Asks for a new source."""
        source = await SourceForm(self._services).open()
        if source:
            self._unindexed.touch(source.name)
            self._status.succeed(_added(source))
            await self._changed()

    @editing
    async def _edit(self, source: Source) -> None:
        saved = await SourceForm(self._services, source).open()
        if saved:
            self._unindexed.touch(saved.name)
            self._status.succeed(f"“{saved.name}” was changed. The next refresh reads it as it is now.")
            await self._changed()

    @editing
    async def _switch(self, source: Source, event: events.ValueChangeEventArguments[bool | None]) -> None:
        try:
            await self._services.curator.change(source.name, {"enabled": bool(event.value)})
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            if event.value:
                self._unindexed.touch(source.name)
            off = "is not looked at any more. Its pages stay in the index as they are."
            self._status.succeed(f"“{source.name}” {'is looked at again.' if event.value else off}")
        await self._changed()

    @editing
    async def _remove(self, source: Source, after: Shown | None) -> None:
        pages = (await self._services.sources.page_counts()).get(source.name, 0)
        goes = f"At the next refresh {count(pages, 'page')} of it will leave the index."
        gone = goes if pages else "It has no pages yet."
        if not await confirm(f"Remove “{source.name}”?", [gone, "Until then they still answer."][: 1 + bool(pages)],
                             "Remove"):  # fmt: skip
            return
        try:
            await self._services.curator.remove(source.name)
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            self._status.succeed(f"“{source.name}” was removed.")
        await (after or self._changed)()


class SourceList:
    """All sources."""

    def __init__(self, services: Services, unindexed: Unindexed) -> None:
        self._services = services
        self._unindexed = unindexed

    async def show(self) -> None:
        """Builds all of it."""
        with ui.element("div").classes("toolbar"):
            reindex = Reindex(self._services.refresher, self._reindexed, choice=False)
            if may(Role.EDITOR):
                ui.button("Add a source", icon="add", on_click=self._add).props("outline no-caps")
        await self._pending()
        self._status = StatusLine()
        self._actions = Actions(self._services, self._unindexed, self._status, self._refresh)
        await self._listing()
        reindex.watch()

    async def _add(self) -> None:
        await self._actions.add()

    async def _reindexed(self) -> None:
        self._status.say("")
        await self._refresh()

    async def _refresh(self) -> None:
        if not self._status.gone:
            await self._pending.refresh()
            await self._listing.refresh()

    @ui.refreshable_method
    async def _pending(self) -> None:
        await pending_view(self._unindexed)

    @ui.refreshable_method
    async def _listing(self) -> None:
        sources, pages = await self._services.sources.all(), await self._services.sources.page_counts()
        failing = await self._failing(sources)
        if not sources:
            empty("No source", "Add one: a site, a repository, a folder, or files of your own.")
            return
        with ui.element("div").classes("rows"):
            for source in sorted(sources, key=lambda each: not (each.problem or failing.get(each.name))):
                with ui.element("div").classes("entry source-entry"):
                    with ui.element("div").classes("source-text"):
                        source_summary(source, pages.get(source.name, 0), failing.get(source.name, 0))
                    self._actions.show(source)

    async def _failing(self, sources: list[Source]) -> dict[str, int]:
        """Number of pages of each source whose last look failed, where there are any."""
        library = self._services.library
        if not await library.problems(limit=1):
            return {}
        statuses = {source.name: [page.status for page in await library.pages(source.name)] for source in sources}
        return {name: each.count(PageStatus.FAILED) for name, each in statuses.items()}


class SourceView:
    """One source with its pages."""

    def __init__(self, services: Services, unindexed: Unindexed, source: Source) -> None:
        self._services = services
        self._unindexed = unindexed
        self._source = source

    async def show(self) -> None:
        """Builds all of it."""
        heading(self._source.name)
        self._status = StatusLine()
        self._actions = Actions(self._services, self._unindexed, self._status, self._refresh)
        await self._summary()
        await self._pending()
        uploaded = self._source.kind is SourceKind.UPLOAD
        reindex = Reindex(
            self._services.refresher, self._refresh, choice=False, only="" if uploaded else self._source.name
        )
        if uploaded and may(Role.EDITOR):
            with section("Upload files"):
                Uploads(self._services, self._source, self._refresh)
        await self._pages()
        reindex.watch()

    async def _refresh(self) -> None:
        if not self._status.gone:
            await self._summary.refresh()
            await self._pending.refresh()
            await self._pages.refresh()

    @ui.refreshable_method
    async def _summary(self) -> None:
        source = await self._services.sources.get(self._source.name)
        pages = await self._services.sources.page_counts()
        with ui.element("div").classes("source-entry"):
            with ui.element("div").classes("source-text"):
                source_summary(source, pages.get(source.name, 0), linked=False)
                with ui.element("div").classes("facts"):
                    if source.ref or source.folder:
                        ui.label(f"{source.ref or 'default branch'}, folder {source.folder or 'all'}")
                    if source.include:
                        ui.label(f"only {', '.join(source.include)}")
                    if source.schedule:
                        ui.label(times_in_words(source.schedule, datetime.now(UTC)))
                    ui.link("Its documents", f"/knowledge?source={quote(source.name)}")
            self._actions.show(source, self._leave)

    @ui.refreshable_method
    async def _pending(self) -> None:
        await pending_view(self._unindexed)

    @ui.refreshable_method
    async def _pages(self) -> None:
        pages = await self._services.library.pages(self._source.name)
        with section("Pages"):
            if pages:
                kept_here = self._source.kind is SourceKind.UPLOAD and may(Role.EDITOR)
                PageList(self._take_away if kept_here else None).show(pages)
            else:
                empty("No page yet", _no_page(self._source))

    async def _leave(self) -> None:
        ui.navigate.to("/sources")

    @editing
    async def _take_away(self, page: Page) -> None:
        """Deletes an uploaded page at once: no source would bring it back."""
        said = ["It leaves the index at the next refresh.", "The file is not kept."]
        if await confirm(f"Remove “{page.title or page.path}”?", said, "Remove"):
            await self._services.curator.take_away(self._source.name, page)
            await self._refresh()


async def pending_view(unindexed: Unindexed) -> None:
    """The line that tells what is not indexed yet."""
    sentence = await unindexed.sentence()
    with ui.element("div").classes("pending" if sentence else "pending settled").props("role=status"):
        ui.icon("pending_actions" if sentence else "check")
        ui.label(sentence or "All that the sources gave is in the index.")


def _switch_hint(source: Source) -> str:
    return "It is read at every refresh" if source.enabled else "It is left alone; its pages stay as they are"


def _added(source: Source) -> str:
    if source.kind is SourceKind.UPLOAD:
        return f"“{source.name}” was added. Open it to upload files."
    return f"“{source.name}” was added. Re-index to read its pages."


def _no_page(source: Source) -> str:
    if source.kind is SourceKind.UPLOAD:
        return "Upload files above, then press “Re-index now”."
    return "Press “Re-index now”: it reads the pages of all sources."
