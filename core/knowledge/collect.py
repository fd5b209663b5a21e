"""Looks at every source and writes down what it finds, page by page.

Comes in: the sources of the database. Goes out: their pages in the library; progress on the way. A source that cannot
be read keeps its pages and gets a sentence beside it. Called by the refresh.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Generator, Sequence
from datetime import timedelta
from itertools import islice

from core.domain.knowledge import Look, PageNews, Progress, Source
from core.errors import AssistantError, StorageError
from core.knowledge.gathering.gather import Gathered, Gatherer, Note
from core.knowledge.index.worker import Tell
from core.storage.library import Library
from core.storage.sources import Sources

_LOG = logging.getLogger(__name__)

BATCH = 40
"""News written down together; each is followed by its progress."""

PATIENCE = 0.4
"""Seconds after which what was found is written down, however little it is."""

AT_ONCE = 6
"""Sources that are looked at side by side, each on a thread."""


class Collector:
    """Brings the library up to date with its sources."""

    def __init__(self, sources: Sources, library: Library, gatherer: Gatherer, grace: timedelta) -> None:
        self._sources = sources
        self._library = library
        self._gatherer = gatherer
        self._grace = grace

    async def collect(self, tell: Tell, wanted: Callable[[Source], bool], *, afresh: bool) -> int:
        """Looks at every enabled source that is `wanted`; gives the number of pages and sources that could not be read.

        `afresh` reads unchanged pages again too.
        """
        sources = [source for source in await self._sources.all() if source.enabled and wanted(source)]
        board = _Board(tell, [source.name for source in sources])
        gate = asyncio.Semaphore(AT_ONCE)

        async def look(source: Source) -> int:
            async with gate:
                return await self._look(source, board, afresh=afresh)

        outcomes = await asyncio.gather(*(look(source) for source in sources), return_exceptions=True)
        for outcome in outcomes:  # after all have ended: none goes on writing below a refresh that has failed
            if isinstance(outcome, BaseException):
                raise outcome
        return sum(outcome for outcome in outcomes if isinstance(outcome, int))

    async def _look(self, source: Source, board: "_Board", *, afresh: bool) -> int:
        known = {page.location: page for page in await self._library.pages(source.name)}
        items = self._gatherer.look(source, known, afresh=afresh)
        notes: list[str] = []
        troubled: list[PageNews] = []
        problems = 0
        try:
            while batch := await asyncio.to_thread(_take, items):
                news = [item for item in batch if isinstance(item, PageNews)]
                notes += [item.said for item in batch if isinstance(item, Note)]
                troubled += [item for item in news if item.look in {Look.FAILED, Look.GONE}]
                if news and not await self._library.record(source.name, news, grace=self._grace):
                    return _failed(troubled)  # removed while it was looked at
                await board.note(source.name, batch)
        except StorageError:
            raise
        except AssistantError as error:
            notes.append(error.said)
            problems += 1
        except Exception as error:  # the boundary of a source: a fault in one of many libraries ends no refresh
            _LOG.exception("The source %s could not be read", source.name)
            notes.append(f"It could not be read, by a fault of ours ({type(error).__name__}). Its pages were kept.")
            problems += 1
        await self._sources.looked_at(source.name, " ".join([*_summary(troubled), *notes]))
        return problems + _failed(troubled)


class _Board:
    """The progress of all sources as one."""

    def __init__(self, tell: Tell, names: Sequence[str]) -> None:
        self._tell = tell
        self._progress = {name: Progress("reading") for name in names}

    async def note(self, name: str, batch: Sequence[Gathered]) -> None:
        for item in batch:
            if isinstance(item, Progress):
                self._progress[name] = item
        parts = self._progress.values()
        done, total = sum(part.done for part in parts), sum(part.total for part in parts)
        await self._tell(Progress("reading", done, total, seconds=max(part.seconds for part in parts)))


def _failed(news: Sequence[PageNews]) -> int:
    return sum(item.look is Look.FAILED for item in news)


def _summary(troubled: Sequence[PageNews]) -> list[str]:
    """A sentence on the pages that could not be read and one on those that are gone, each with the first reason."""
    said: list[str] = []
    for look, one, many in (
        (Look.FAILED, "1 page could not be read", "{} pages could not be read, the first of them"),
        (Look.GONE, "1 page is gone", "{} pages are gone, the first of them"),
    ):
        pages = [item for item in troubled if item.look is look]
        if pages:
            said.append(f"{one if len(pages) == 1 else many.format(len(pages))}: {pages[0].reason}")
    return said


def _take(items: Generator[Gathered]) -> list[Gathered]:
    """The next items: a batch of them, or as many as came within moments."""
    taken: list[Gathered] = []
    until = time.monotonic() + PATIENCE
    for item in islice(items, BATCH):
        taken.append(item)
        if time.monotonic() > until:
            break
    return taken
