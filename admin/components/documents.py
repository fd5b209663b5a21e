"""The list of documents, with a search over their texts and filters by source and product.

Comes in: library and catalogue. Goes out: links to documents, some at a time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from nicegui import events, ui

from admin.addresses import show_address
from admin.catalogue import Catalogue
from admin.components.moments import count
from admin.theme import empty
from core.domain.knowledge import Document
from core.storage.library import Library

STEP = 30
"""Documents shown at first, and added by each press of the button below them."""


@dataclass
class Wanted:
    """Which documents one browser looks at; empty means all."""

    q: str = ""
    source: str = ""
    product: str = ""
    limit: int = field(default_factory=lambda: STEP)

    @property
    def address(self) -> str:
        """The page's address, so that it can be shared."""
        query = {name: value for name in ("q", "source", "product") if (value := getattr(self, name))}
        return f"/knowledge{'?' if query else ''}{urlencode(query)}"

    def filters(self, document: Document) -> bool:
        """Whether a document passes the filters."""
        return self.source in {"", document.source} and self.product in {"", document.product}


class DocumentList:
    """Search box, filters and list. Call `show` once in the page, and `refresh` when the documents changed."""

    def __init__(self, library: Library, catalogue: Catalogue, wanted: Wanted) -> None:
        self._library = library
        self._catalogue = catalogue
        self._wanted = wanted

    async def show(self) -> None:
        """Builds all of it."""
        with ui.element("div").classes("filters"):
            box = ui.input(placeholder="Search title, product or text", value=self._wanted.q, on_change=self._search)
            box.classes("search").props('debounce=250 clearable outlined dense aria-label="Search documents"')
            with box.add_slot("prepend"):
                ui.icon("search")
            self._source = self._filter("All sources", self._choose_source, self._wanted.source)
            self._product = self._filter("All products", self._choose_product, self._wanted.product)
        await self._listing()

    async def refresh(self) -> None:
        """Shows the documents as they are now."""
        await self._listing.refresh()

    @ui.refreshable_method
    async def _listing(self) -> None:
        entries = await self._catalogue.entries()
        _offer(self._source, "All sources", {entry.source for entry in entries} | {self._wanted.source})
        _offer(self._product, "All products", {entry.product for entry in entries} | {self._wanted.product})
        found = await self._found(entries)
        shown = found[: self._wanted.limit]
        if not found:
            _nothing(searched=bool(entries))
            return
        more = len(found) > len(shown)
        ui.label(f"The first {count(len(shown), 'document')}" if more else count(len(shown), "document")).classes(
            "muted"
        )
        with ui.element("div").classes("rows"):
            for document in shown:
                _document(document)
        if more:
            ui.button("Show more", on_click=self._show_more).props("flat no-caps").classes("more")

    async def _found(self, entries: list[Document]) -> list[Document]:
        wanted = self._wanted
        if not wanted.q.strip():
            return [entry for entry in entries if wanted.filters(entry)]
        limit = None if wanted.source or wanted.product else wanted.limit + 1
        return [d for d in await self._library.documents(search=wanted.q, limit=limit) if wanted.filters(d)]

    def _filter(
        self, label: str, chosen: events.Handler[events.ValueChangeEventArguments[str]], value: str
    ) -> ui.select:
        select = ui.select({value: value or label}, value=value, on_change=chosen).classes("search filter")
        return select.props(f'outlined dense options-dense aria-label="{label}"')

    async def _search(self, event: events.ValueChangeEventArguments[str | None]) -> None:
        await self._look(q=event.value or "")

    async def _choose_source(self, event: events.ValueChangeEventArguments[str]) -> None:
        await self._look(source=event.value or "")

    async def _choose_product(self, event: events.ValueChangeEventArguments[str]) -> None:
        await self._look(product=event.value or "")

    async def _show_more(self) -> None:
        await self._look(limit=self._wanted.limit + STEP)

    async def _look(self, **changed: str | int) -> None:
        self._wanted.limit = STEP
        for name, value in changed.items():
            setattr(self._wanted, name, value)
        show_address(self._wanted.address)
        await self._listing.refresh()


def _offer(select: ui.select, label: str, names: Iterable[str]) -> None:
    select.set_options({"": label, **{name: name for name in sorted(set(names) - {""}, key=str.casefold)}})


def _nothing(*, searched: bool) -> None:
    if searched:
        empty("No document matches", "Search for fewer or other words, or clear search box and filters.")
    else:
        empty("No documents", "Add a source, or put Markdown pages into KNOWLEDGE_DIR, then press “Re-index now”.")


def _document(document: Document) -> None:
    with ui.link(target=f"/knowledge/{quote(document.path)}").classes("row-link"):
        ui.label(document.title).classes("row-title")
        with ui.element("div").classes("facts"):
            ui.label(document.product).classes("product")
            ui.label(document.source)
            ui.label(document.path).classes("address")
