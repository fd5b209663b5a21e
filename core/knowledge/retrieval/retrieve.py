"""Finds passages for a question in an index version: dense and lexical sides fused, scores calibrated.

Comes in: a question in words. Goes out: passages with title, heading path, address and score, best first. Follows the
Production row in the database, so a promotion or a change elsewhere is seen by the next question.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from opentelemetry import trace

from core.domain.knowledge import IndexVersion, Passage
from core.errors import IndexCorrupt, IndexMissing
from core.knowledge.index.dense import CORRUPT, IndexPlace
from core.knowledge.index.embed import Vectors
from core.knowledge.index.lexical import stems_of, subject
from core.knowledge.index.models import Models
from core.knowledge.index.opened import Contents, OpenVersion
from core.knowledge.retrieval.assemble import LOOKED_AT, assemble
from core.knowledge.retrieval.explained import Explained, Rankings, first_hits
from core.knowledge.retrieval.rank import Evidence, coverage, fuse, pages_of, weight
from core.knowledge.retrieval.rerank import Reranker
from core.storage.versions import Versions

SUPPORTING_SCORE = 0.5
"""Probability from which a passage counts as being about the question; see docs/decisions/0004-covered-or-not.md."""

DEPTH = 100
"""Hits taken from each side before they are fused."""


@dataclass(frozen=True)
class Scope:
    """What a search is kept to: sources and products by name; empty means all."""

    sources: tuple[str, ...] = ()
    products: tuple[str, ...] = ()


EVERYTHING = Scope()

T = TypeVar("T")

_tracer = trace.get_tracer(__name__)


@dataclass(frozen=True)
class Found:
    """What a search found: readable passages, the ranking of pages behind them, and the version that was searched."""

    passages: list[Passage]
    pages: list[str]
    version: IndexVersion

    @property
    def score(self) -> float:
        """Of the passage that fits best."""
        return max((passage.score for passage in self.passages), default=0.0)


class Retriever:
    """Searches the live version; opens it on first use and whenever another one is promoted."""

    def __init__(
        self,
        versions: Versions,
        models: Models,
        place: IndexPlace,
        public_url: str,
        reranker: Reranker | None = None,
    ) -> None:
        self._versions = versions
        self._models = models
        self._place = place
        self._public_url = public_url
        self._reranker = reranker
        self._open: OpenVersion | None = None
        self._before: OpenVersion | None = None
        self._opening = asyncio.Lock()
        self._changing = False

    async def search(self, query: str, count: int = 5, scope: Scope = EVERYTHING) -> list[Passage]:
        """The `count` passages that fit `query` best, best first.

        Raises IndexMissing before the first build and IndexCorrupt when the files cannot be read.
        """
        return (await self.find(query, count, scope)).passages

    async def find(
        self, query: str, count: int = 5, scope: Scope = EVERYTHING, *, version: OpenVersion | None = None
    ) -> Found:
        """As `search`, with the ranked pages; in the live version unless another open one is given."""
        opened = version or await self.live()
        with _tracer.start_as_current_span("search", attributes={"index.version": opened.version.id}):
            found = await _steadily(opened, lambda: self._find(opened, query, count, scope))
        passages = [replace(passage, address=self._absolute(passage.address)) for passage in found.passages]
        return replace(found, passages=passages)

    async def explain(
        self, query: str, count: int = 5, scope: Scope = EVERYTHING, *, version: OpenVersion | None = None
    ) -> Explained:
        """As `find`, with every ranking on the way; addresses are those of the pages, as they are stored."""
        opened = version or await self.live()
        return await _steadily(opened, lambda: self._explain(opened, query, count, scope))

    async def check(self) -> IndexVersion:
        """The live version, opened. Raises as `search` does."""
        version = await self._production()
        if not self._place.holds(version.id):  # an index that is open would not notice
            raise IndexCorrupt(CORRUPT)
        return (await self.live(version)).version

    async def live(self, version: IndexVersion | None = None) -> OpenVersion:
        """The live version, opened at its latest revision."""
        if self._changing and self._open:  # it shows the change by itself; opened again, it would meet half of it
            return self._open
        version = version or await self._production()
        async with self._opening:
            held = self._open
            if held is None or (held.version.id, held.version.revision) != (version.id, version.revision):
                self._open = await self.open(version)
                if self._before:
                    self._before.close()
                self._before = held
            assert self._open is not None  # noqa: S101 - set above
            return self._open

    async def passages_of(self, path: str) -> list[Passage]:
        """The passages of a page of the live version, in reading order; none when it is not indexed."""
        opened = await self.live()
        return await asyncio.to_thread(opened.get, opened.contents.pages.get(path, ()))

    @asynccontextmanager
    async def changing(self) -> AsyncGenerator[OpenVersion]:
        """The live version, for a change in place: readers keep it as it is open, until the block has ended."""
        opened = await self.live()
        self._changing = True
        try:
            yield opened
        finally:
            self._changing = False

    async def open(self, version: IndexVersion) -> OpenVersion:
        """Opens any version, beside the live one, with the embedding model that it was built with.

        The caller closes it. Raises KnowledgeError when that model is not packaged here any more.
        """
        pages = {page.path: page.passages async for page in self._versions.contents(version.id)}
        built_with = await self._versions.configuration(version.id)
        embedder = await asyncio.to_thread(self._models.get, built_with)
        return await asyncio.to_thread(OpenVersion.open, self._place, version, Contents.of(pages), embedder)

    def close(self) -> None:
        """Closes the open version, and the one before it, which searches may still have been using."""
        for opened in (self._open, self._before):
            if opened:
                opened.close()
        self._open = self._before = None

    def _absolute(self, address: str) -> str:
        """A web address as it is; a path on our console behind the address under which people reach us."""
        return self._public_url + address if address.startswith("/") else address

    def _find(self, opened: OpenVersion, query: str, count: int, scope: Scope) -> Found:
        vector = opened.embedder.embed_query(query)
        rankings = self._rank(opened, query, vector, scope)
        passages = _assembled(opened, query, vector, rankings, count)
        return Found(passages, pages_of(rankings.order, opened.contents.places), opened.version)

    def _explain(self, opened: OpenVersion, query: str, count: int, scope: Scope) -> Explained:
        vector = opened.embedder.embed_query(query)
        rankings = self._rank(opened, query, vector, scope)

        def read(ids: Sequence[str]) -> list[Passage]:
            return _scored(opened, query, vector, rankings.dense, opened.get(ids))

        def read_pages(paths: Sequence[str]) -> list[Passage]:
            return read([opened.contents.pages[path][0] for path in paths])

        held = {path: score for path, score in rankings.pages.items() if opened.contents.pages.get(path)}
        return Explained(
            query=query,
            version=opened.version,
            dense=first_hits(_present(rankings.dense, opened.contents), read),
            lexical=first_hits(_present(rankings.lexical, opened.contents), read),
            pages=first_hits(held, read_pages),
            fused=first_hits(rankings.fused, read),
            reranked=first_hits(rankings.reranked, read),
            passages=tuple(_assembled(opened, query, vector, rankings, count)),
        )

    def _rank(self, opened: OpenVersion, query: str, vector: Vectors, scope: Scope) -> Rankings:
        wanted = {"sources": scope.sources, "products": scope.products}
        dense = opened.dense.nearest(vector, DEPTH, **wanted)
        lexical = dict(opened.passages.search(query, DEPTH, **wanted))
        pages = dict(opened.pages.search(query, DEPTH, **wanted))
        fused = fuse(dense, lexical, pages, opened.contents.places)
        again: dict[str, float] = {}
        if self._reranker:
            again = self._reranker.scores(query, opened.get(list(fused)[:LOOKED_AT]))
        return Rankings(dense, lexical, pages, fused, again)

    async def _production(self) -> IndexVersion:
        version = await self._versions.production()
        if version is None:
            raise IndexMissing("There is no index yet. Run `mlops-assistant refresh` to build it.")
        return version


async def _steadily(opened: OpenVersion, work: Callable[[], T]) -> T:
    """What `work` gives, on a thread; once more when a change in place took passages away before they were read."""
    contents = opened.contents
    try:
        return await asyncio.to_thread(work)
    except IndexCorrupt:
        if opened.contents is contents:
            raise
        return await asyncio.to_thread(work)


def _present(ranking: Mapping[str, float], contents: Contents) -> dict[str, float]:
    """A ranking without passages that an interrupted change left behind."""
    return {passage: score for passage, score in ranking.items() if passage in contents.places}


def evidence(
    opened: OpenVersion, query: str, similarities: Sequence[float], passages: Sequence[Passage]
) -> list[Evidence]:
    """What speaks for each passage being about the question."""
    held = max(len(opened.contents.places), 1)
    weights = {stem: weight(frequency, held) for stem, frequency in opened.passages.frequencies(subject(query))}
    texts = ("\n".join((passage.title, *passage.heading_path, passage.text)) for passage in passages)
    covered = (coverage(weights, stems_of(text)) for text in texts)
    return [Evidence(cosine, share, len(weights)) for cosine, share in zip(similarities, covered, strict=True)]


def _assembled(opened: OpenVersion, query: str, vector: Vectors, rankings: Rankings, count: int) -> list[Passage]:
    contents = opened.contents
    passages = assemble(rankings.order, count, contents.pages, contents.places, opened.get)
    return _scored(opened, query, vector, rankings.dense, passages)


def _scored(
    opened: OpenVersion, query: str, vector: Vectors, dense: Mapping[str, float], passages: Sequence[Passage]
) -> list[Passage]:
    """Passages with their scores; what the dense side did not find is compared with the question's vector now."""
    further = [passage.id for passage in passages if passage.id not in dense]
    known = {**dense, **dict(zip(further, opened.dense.similarities(vector, further), strict=True))}
    similarities = [known[passage.id] for passage in passages]
    return [
        replace(passage, similarity=round(found.similarity, 4), score=round(found.probability, 4))
        for passage, found in zip(passages, evidence(opened, query, similarities, passages), strict=True)
    ]
