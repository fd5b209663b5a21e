"""Finds passages for a question in the live index version.

Comes in: a question in words. Goes out: passages with title, heading path, address and score, best first. Follows the
Production pointer in the database, so a promotion elsewhere is seen by the next question.
"""

import asyncio
import dataclasses

from core.domain.knowledge import IndexVersion, Passage
from core.errors import IndexCorrupt, IndexMissing
from core.knowledge.embed import Embedder
from core.knowledge.index import CORRUPT, IndexPlace, PassageIndex
from core.storage.library import Library

SUPPORTING_SCORE = 0.43
"""Cosine from which a passage counts as being about the question; see docs/decisions/0004-covered-or-not.md."""


class Retriever:
    """Searches the live version; opens it on first use and whenever another one is promoted."""

    def __init__(self, library: Library, embedder: Embedder, place: IndexPlace, public_url: str) -> None:
        self._library = library
        self._embedder = embedder
        self._place = place
        self._public_url = public_url
        self._open: tuple[str, PassageIndex] | None = None
        self._opening = asyncio.Lock()

    async def search(self, query: str, count: int = 5) -> list[Passage]:
        """The `count` passages nearest to `query`, best first.

        Raises IndexMissing before the first build and IndexCorrupt when the files cannot be read.
        """
        index = await self._live_index()
        found = await asyncio.to_thread(self._search, index, query, count)
        return [dataclasses.replace(passage, address=self._absolute(passage.address)) for passage in found]

    async def check(self) -> IndexVersion:
        """The live version, opened. Raises as `search` does."""
        version = await self._production()
        if not self._place.holds(version.id):  # an index that is open would not notice
            raise IndexCorrupt(CORRUPT)
        await self._live_index(version)
        return version

    def close(self) -> None:
        """Closes the open version."""
        if self._open:
            self._open[1].close()
            self._open = None

    def _absolute(self, address: str) -> str:
        """A web address as it is; a path on our console behind the address under which people reach us."""
        return self._public_url + address if address.startswith("/") else address

    def _search(self, index: PassageIndex, query: str, count: int) -> list[Passage]:
        return index.query(self._embedder.embed([query])[0].tolist(), count)

    async def _production(self) -> IndexVersion:
        version = await self._library.production()
        if version is None:
            raise IndexMissing("There is no index yet. Run `mlops-assistant refresh` to build it.")
        return version

    async def _live_index(self, version: IndexVersion | None = None) -> PassageIndex:
        version = version or await self._production()
        async with self._opening:
            if self._open is None or self._open[0] != version.id:
                index = await asyncio.to_thread(PassageIndex.open, self._place, version.id, passages=version.passages)
                self.close()
                self._open = (version.id, index)
            return self._open[1]
