"""The documents without their texts, kept in memory so that lists and filters over thousands of them stay quick.

Comes in: the library. Goes out: documents by path; only those that are new or changed are read again.
"""

import asyncio
from dataclasses import replace

from core.domain.knowledge import Document
from core.storage.library import Library


class Catalogue:
    """One for all pages of the console."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._known: dict[str, Document] = {}
        self._reading = asyncio.Lock()

    async def entries(self) -> list[Document]:
        """Every document by path, its text left out."""
        async with self._reading:
            held = await self._library.held()
            known = {path: entry for path, entry in self._known.items() if held.get(path) == entry.content_hash}
            async for document in self._library.read(sorted(held.keys() - known.keys())):
                known[document.path] = replace(document, text="")
            self._known = dict(sorted(known.items()))
            return list(self._known.values())
