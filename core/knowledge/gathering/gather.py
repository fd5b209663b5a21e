"""Looks at the pages of a source and tells what is new.

Comes in: a source and what is known of its pages. Goes out: progress, notes, and the news of one page after the
other. Called by the refresh, on a thread; closing the generator between two items stops it.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from core.domain.knowledge import Look, Page, PageNews, PageStatus, Progress, Source, SourceKind
from core.errors import AssistantError, FetchFailed, InputError, PageGone, SiteDown
from core.knowledge.extract import extract as extract_page
from core.knowledge.gathering.documents import DOCUMENT_PAGE, Extract, document_hash, document_path, make_document
from core.knowledge.gathering.fetch import Fetcher
from core.knowledge.gathering.folder import Folder
from core.knowledge.gathering.repository import Repository
from core.knowledge.gathering.shelf import Copy, Entry, Shelf
from core.knowledge.gathering.website import Website
from core.settings import ROOT

__all__ = ["DOCUMENT_PAGE", "Gathered", "Gatherer", "Note", "document_hash"]

_LOG = logging.getLogger(__name__)

FAILURES_IN_A_ROW = 10
"""After so many the site is taken to be down, and the rest of its pages are left alone."""


@dataclass(frozen=True)
class Note:
    """Something that the owner of a source should read beside it, though nothing failed."""

    said: str


Gathered: TypeAlias = Progress | PageNews | Note


class Gatherer:
    """Looks at sources of every kind. `repositories` is the folder for copies of git repositories."""

    def __init__(
        self,
        fetcher: Fetcher,
        repositories: Path,
        *,
        root: Path = ROOT,
        extract: Extract = extract_page,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetcher = fetcher
        self._repositories = repositories
        self._root = root
        self._extract = extract
        self._clock = clock

    def look(self, source: Source, known: Mapping[str, Page], *, afresh: bool = False) -> Generator[Gathered]:
        """The news of every page that the source lists or listed; `known` is by location.

        `afresh` reads every page again, as after a change of the source or of the extraction. Raises AssistantError
        when the list of pages cannot be had: everything that was known stays then. FAILED news carry no validators:
        those of the last good copy stay valid.
        """
        shelf = self._shelf(source)
        if shelf is None:
            return
        started = self._clock()
        stage = f"{'fetching' if source.kind.remote else 'reading'} {source.name}"
        yield Progress(stage)
        entries, notes = _listed(shelf, source, known)
        yield from (Note(said) for said in notes)
        shelf.prepare([entry for entry in entries if afresh or not _told_unchanged(entry, known.get(entry.location))])
        yield from _gone(entries, known)
        look = _Look(source, shelf, self._extract)
        for done, entry in enumerate(entries, 1):
            yield look.at(entry, None if afresh else known.get(entry.location))
            yield Progress(stage, done, len(entries), seconds=self._clock() - started)

    def read_upload(self, source: Source, name: str, raw: bytes) -> PageNews:
        """An uploaded file as a fresh page. Raises AssistantError with the reason why it cannot be read."""
        name = PurePosixPath(name.replace("\\", "/")).name
        if not name.strip(". "):
            raise FetchFailed("The file has no name. Give it one; nothing was stored.")
        copy = Copy(name=name, body=raw, raw_hash=hashlib.sha256(raw).hexdigest())
        path = document_path(source, name)
        document = make_document(source, path, copy, self._extract)
        return PageNews(name, path, Look.FRESH, document, raw_hash=copy.raw_hash)

    def original(self, source: Source, page: Page) -> Copy:
        """A page as its source gives it now. Raises AssistantError with the reason why it cannot be had."""
        shelf = self._shelf(source)
        if shelf is None:
            raise InputError("Uploaded files are not kept, only what was read in them.")
        entry = Entry(page.location, page.path)
        if source.kind is SourceKind.GIT:  # its content is asked for by an id that the list gives
            entry = next((each for each in shelf.pages().entries if each.location == page.location), entry)
        shelf.prepare([entry])
        return shelf.read(entry, None)

    def check(self, source: Source) -> str:
        """One sentence on what the source holds, from its list and its first page. Raises AssistantError."""
        shelf = self._shelf(source)
        if shelf is None:
            return "Its pages are uploaded; there is nothing to fetch."
        entries, notes = _listed(shelf, source, {})
        shelf.prepare(entries[:1])
        document = make_document(source, entries[0].path, shelf.read(entries[0], None), self._extract)
        count = f"{len(entries)} pages; the first" if len(entries) > 1 else "1 page; it"
        return " ".join([f"{count} is “{document.title}”, {len(document.text.split())} words.", *notes])

    def _shelf(self, source: Source) -> Shelf | None:
        match source.kind:
            case SourceKind.UPLOAD | SourceKind.CARDS:
                return None
            case SourceKind.FOLDER:
                return Folder(source, self._root)
            case SourceKind.GIT:
                return Repository(source, self._repositories)
            case _:
                return Website(source, self._fetcher)


class _Look:
    """One look at the pages of a source; remembers how many failed in a row because the site is down."""

    def __init__(self, source: Source, shelf: Shelf, extract: Extract) -> None:
        self._source = source
        self._shelf = shelf
        self._extract = extract
        self._down = 0
        self._reason = ""

    def at(self, entry: Entry, known: Page | None) -> PageNews:
        """The news of one page, whatever happens to it."""
        if known and known.status is PageStatus.GONE:
            known = None  # its document may be gone as well: it is read again in full
        if known and _told_unchanged(entry, known):
            return _unchanged(entry, known)
        if self._down >= FAILURES_IN_A_ROW:
            said = f"It was not tried, since the {self._down} pages before it failed: {self._reason}"
            return PageNews(entry.location, entry.path, Look.FAILED, reason=said)
        try:
            news = self._read(entry, known)
        except AssistantError as error:
            self._down = self._down + 1 if isinstance(error, SiteDown) else 0
            self._reason = error.said
            look = Look.GONE if isinstance(error, PageGone) else Look.FAILED
            return PageNews(entry.location, entry.path, look, reason=error.said)
        except Exception as error:  # the boundary of a page: a fault in one of many libraries ends no refresh
            _LOG.exception("The page %s of %s could not be read", entry.location, self._source.name)
            said = f"It could not be read, by a fault of ours ({type(error).__name__})."
            return PageNews(entry.location, entry.path, Look.FAILED, reason=said)
        self._down = 0
        return news

    def _read(self, entry: Entry, known: Page | None) -> PageNews:
        copy = self._shelf.read(entry, known)
        if known and (copy.unchanged or copy.raw_hash == known.raw_hash):
            return _unchanged(entry, known, copy)
        document = make_document(self._source, entry.path, copy, self._extract)
        return PageNews(
            entry.location,
            entry.path,
            Look.FRESH,
            document,
            etag=copy.etag,
            last_modified=copy.last_modified,
            raw_hash=copy.raw_hash,
        )


def _listed(shelf: Shelf, source: Source, known: Mapping[str, Page]) -> tuple[list[Entry], list[str]]:
    """The pages to look at, in the order of the list. An empty list is a failure: it would take all pages away."""
    listing = shelf.pages()
    wanted = _included(listing.entries, source.include)
    if not wanted:
        reason = "none of its pages matches what is to be included" if listing.entries else "it lists no page"
        said = f"Nothing was found at {source.name}: {reason}. What was known of it is kept."
        raise FetchFailed(" ".join([said, *listing.notes]))
    limit = max(1, source.max_pages)
    if len(wanted) <= limit:
        return wanted, list(listing.notes)
    first = sorted(wanted, key=lambda entry: entry.location not in known)  # a longer list pushes no known page out
    chosen = {entry.location for entry in first[:limit]}
    note = f"It lists {len(wanted)} pages, and {limit} of them are read. Raise the limit or include fewer."
    return [entry for entry in wanted if entry.location in chosen], [*listing.notes, note]


def _included(entries: Sequence[Entry], patterns: Sequence[str]) -> list[Entry]:
    """Entries that match a pattern, or all without one; one for each document."""
    matching = (
        entry
        for entry in entries
        if not patterns or any(fnmatchcase(name, p) for name in (entry.location, entry.path) for p in patterns)
    )
    unique: dict[str, Entry] = {}
    for entry in matching:
        unique.setdefault(entry.path, entry)
    return list(unique.values())


def _gone(entries: Sequence[Entry], known: Mapping[str, Page]) -> Iterator[PageNews]:
    listed = {entry.location for entry in entries}
    for location, page in known.items():
        if location not in listed:
            reason = "It is no longer among the pages that are read of its source."
            yield PageNews(location, page.path, Look.GONE, reason=reason)


def _told_unchanged(entry: Entry, known: Page | None) -> bool:
    """Whether the list itself says that the known copy is the latest."""
    if known is None or known.status is PageStatus.GONE:
        return False
    if entry.blob:
        return entry.blob == known.raw_hash
    if entry.changed_at is None or known.checked_at is None or known.status is not PageStatus.LIVE:
        return False
    return entry.changed_at < known.checked_at.replace(tzinfo=known.checked_at.tzinfo or UTC)


def _unchanged(entry: Entry, known: Page, copy: Copy | None = None) -> PageNews:
    """The copy is as it was; validators that came with it replace the older ones."""
    return PageNews(
        entry.location,
        entry.path,
        Look.UNCHANGED,
        etag=(copy and copy.etag) or known.etag,
        last_modified=(copy and copy.last_modified) or known.last_modified,
        raw_hash=known.raw_hash,
    )
