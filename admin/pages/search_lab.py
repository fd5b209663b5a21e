"""The search lab: why a question finds what it finds, and what the agent would be told of it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from urllib.parse import quote, urlencode

from nicegui import events, ui

from admin.addresses import show_address
from admin.catalogue import Catalogue
from admin.components.loading import load
from admin.components.moments import span
from admin.components.versions import name_of
from admin.theme import empty, frame, heading, section
from core.answering.lab import Experiment
from core.bootstrap import Services
from core.domain.knowledge import Passage
from core.errors import AssistantError
from core.knowledge.retrieval.explained import Explained, Hit
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE, Scope

SAYS = {
    "Dense": "Passages whose meaning is nearest: the cosine of both vectors.",
    "Lexical": "Passages that share the rarest words: BM25.",
    "Pages": "Pages that speak of all of the question: BM25 over whole pages.",
    "Fused": "All of them in one ranking, by reciprocal rank.",
    "Reranked": "The best of those, read again by the cross-encoder.",
}


@dataclass
class Wanted:
    """What one browser tries out; empty means the live version, and everything in it."""

    q: str = ""
    version: str = ""
    source: str = ""
    product: str = ""

    @property
    def address(self) -> str:
        """The page's address, so that it can be shared."""
        query = {each.name: value for each in fields(self) if (value := getattr(self, each.name))}
        return f"/knowledge/search{'?' if query else ''}{urlencode(query)}"

    @property
    def scope(self) -> Scope:
        """What the search is kept to."""
        return Scope((self.source,) if self.source else (), (self.product,) if self.product else ())


def add_pages(services: Services) -> None:
    """Adds `/knowledge/search`."""
    catalogue = Catalogue(services.library)

    @ui.page("/knowledge/search")
    async def search_lab_page(q: str = "", version: str = "", source: str = "", product: str = "") -> None:
        with frame("Search lab", "Search lab"):
            ui.link("← Knowledge", "/knowledge").classes("back")
            heading("Search lab", "Why a question finds what it finds, and what the agent would be told of it.")
            await load(SearchLabView(services, catalogue, Wanted(q, version, source, product)).show())


class SearchLabView:
    """Question, choices and what came of them."""

    def __init__(self, services: Services, catalogue: Catalogue, wanted: Wanted) -> None:
        self._services = services
        self._catalogue = catalogue
        self._wanted = wanted

    async def show(self) -> None:
        """Builds all of it."""
        with ui.element("div").classes("lab-question"):
            self._box = ui.input(placeholder="Type a question", value=self._wanted.q).classes("search")
            self._box.props('outlined dense aria-label="Question"').on("keydown.enter", self.search)
            ui.button("Search", icon="search", on_click=self.search).props("unelevated no-caps")
        entries = await self._catalogue.entries()
        versions = {version.id: f"{name_of(version)}, {version.stage.value}"
                    for version in await self._services.versions.all()}  # fmt: skip
        with ui.element("div").classes("lab-choices"):
            self._choice("version", "The live version", versions)
            self._choice("source", "All sources", {entry.source: entry.source for entry in entries})
            self._choice("product", "All products", {entry.product: entry.product for entry in entries})
        await self._found()

    async def search(self) -> None:
        """Searches for what is typed."""
        self._wanted.q = self._box.value or ""
        await self._again()

    @ui.refreshable_method
    async def _found(self) -> None:
        wanted = self._wanted
        if not wanted.q.strip():
            empty("Nothing asked yet", "Type a question as people ask it, and press Enter.")
            return
        try:
            tried = await self._services.lab.try_out(wanted.q, wanted.scope, wanted.version)
        except AssistantError as error:
            empty("Nothing was searched", error.said)
            return
        _verdict(tried)
        _rankings(tried)
        _shown(tried.explained.passages)
        _prompt(tried)

    def _choice(self, name: str, label: str, options: dict[str, str]) -> None:
        value: str = getattr(self._wanted, name)
        offered = {"": label, **dict(sorted(options.items(), key=lambda row: row[1].casefold()))}
        offered = offered if value in offered else {**offered, value: value}

        async def choose(event: events.ValueChangeEventArguments[str | None]) -> None:
            setattr(self._wanted, name, event.value or "")
            await self._again()

        select = ui.select(offered, value=value, on_change=choose).classes("search filter")
        select.props(f'outlined dense options-dense aria-label="{label}"').mark(f"lab-{name}")

    async def _again(self) -> None:
        show_address(self._wanted.address)
        await self._found.refresh()


def _verdict(tried: Experiment) -> None:
    with ui.element("div").classes("lab-verdict"):
        with ui.element("div").classes("row-head"):
            ui.label("Covered" if tried.covered else "Not covered").classes(
                f"badge {'good' if tried.covered else 'warn'}"
            )
        with ui.element("div").classes("facts"):
            ui.label(f"best score {tried.explained.score:.2f}, covered from {SUPPORTING_SCORE:.2f}")
            ui.label(f"{name_of(tried.explained.version)}, {tried.explained.version.stage.value}")
            ui.label(f"searched in {span(tried.milliseconds)}")
            ui.label(f"searched for “{tried.explained.query}”")


def _rankings(tried: Experiment) -> None:
    explained = tried.explained
    shown = {
        "Dense": (explained.dense, 3),
        "Lexical": (explained.lexical, 1),
        "Pages": (explained.pages, 1),
        "Fused": (explained.fused, 4),
    }
    if explained.reranked:
        shown["Reranked"] = (explained.reranked, 2)
    with section("Rankings"), ui.element("div").classes("rankings"):
        for name, (hits, digits) in shown.items():
            _ranking(name, hits, digits, explained if name in {"Fused", "Reranked"} else None)


def _ranking(name: str, hits: Sequence[Hit], digits: int, made_of: Explained | None) -> None:
    with ui.element("section").classes("ranking").props(f'aria-label="{name}"'):
        ui.label(name).classes("overline").props("role=heading aria-level=3")
        ui.label(SAYS[name]).classes("muted small")
        if not hits:
            ui.label("Nothing was found.").classes("muted")
        with ui.element("ol"):
            for hit in hits:
                with ui.element("li"):
                    ui.label(str(hit.rank)).classes("number")
                    with ui.element("div").classes("source"):
                        ui.link(_heading(hit.passage, whole=name == "Pages"), _page(hit.passage, whole=name == "Pages"))
                        with ui.element("div").classes("facts"):
                            ui.label(f"{hit.score:.{digits}f}").classes("score")
                            for rank in _ranks(hit.passage, made_of) if made_of else ():
                                ui.label(rank)


def _ranks(passage: Passage, explained: Explained) -> list[str]:
    """Where a passage stands in the rankings that the fused one is made of, as far as they are shown."""
    rankings = {"dense": explained.dense, "lexical": explained.lexical}
    said = [f"{name} {hit.rank}" for name, hits in rankings.items() for hit in hits if hit.passage.id == passage.id]
    return said + [f"page {hit.rank}" for hit in explained.pages if hit.passage.document == passage.document]


def _shown(passages: Sequence[Passage]) -> None:
    with section("Passages that go into the prompt"):
        if not passages:
            ui.label("None: the model is told that no passage was found.").classes("muted")
            return
        with ui.element("div").classes("rows"):
            for number, passage in enumerate(passages, 1):
                with ui.element("div").classes("entry"):
                    with ui.element("div").classes("row-head"):
                        ui.link(f"{number}. {_heading(passage)}", _page(passage)).classes("row-title")
                        supports = "good" if passage.score >= SUPPORTING_SCORE else ""
                        ui.label(f"{passage.score:.2f}").classes(f"badge {supports}").props(
                            'title="How likely it is, 0 to 1, that this passage is about the question"'
                        )
                    with ui.element("div").classes("facts"):
                        ui.label(f"cosine {passage.similarity:.3f}")
                        ui.label(passage.product).classes("product")
                        ui.label(passage.source)
                        ui.label(passage.document).classes("address")


def _prompt(tried: Experiment) -> None:
    with section("What the model would be sent"):
        ui.label(f"About {tried.tokens:,} tokens, with the prompt {tried.prompt}.").classes("muted")
        for name, text in (("System", tried.rules), ("User", tried.request), ("Tools", tried.tools)):
            with ui.expansion(name, value=name == "User").classes("tools").props("dense"):
                ui.label(text).classes("verbatim result prompt-text").props("tabindex=0")


def _heading(passage: Passage, *, whole: bool = False) -> str:
    last = passage.heading_path[-1] if passage.heading_path and not whole else ""
    return passage.title if last in {"", passage.title} else f"{passage.title} — {last}"


def _page(passage: Passage, *, whole: bool = False) -> str:
    """The address of a passage's document page, at its heading."""
    anchor = "" if whole else passage.address.partition("#")[2]
    return f"/knowledge/{quote(passage.document)}{'#' if anchor else ''}{anchor}"
