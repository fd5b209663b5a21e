"""Adds, changes, removes and checks sources on a person's word, and takes the files that people upload.

Comes in: what was typed. Goes out: `Source`s that every door checked alike, or a sentence on what is wrong with them.
Called by the command, HTTP and the console.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from core.domain.knowledge import Document, Look, Page, PageNews, Source, SourceKind
from core.errors import InputError, NameTaken, UnknownSource
from core.knowledge.defaults import SHIPPED, make_source
from core.knowledge.gathering.gather import Gatherer
from core.knowledge.gathering.original import Original, original_of
from core.storage.audit import Audit
from core.storage.library import Library
from core.storage.sources import Sources

UPLOAD_BYTES = 20 * 2**20
"""The largest file that is taken."""

FOLLOWING = {"kind", "location", "ref", "folder", "internal"}
"""Fields of the shipped source that its setting decides."""

FORGES = {"github.com", "www.github.com", "gitlab.com", "www.gitlab.com", "codeberg.org", "bitbucket.org"}
REPOSITORY_PARTS = 2


class Curator:
    """The one desk at which sources are handed in."""

    def __init__(self, sources: Sources, library: Library, gatherer: Gatherer, grace: timedelta, audit: Audit) -> None:
        self._sources = sources
        self._library = library
        self._gatherer = gatherer
        self._grace = grace
        self._audit = audit

    async def add(self, name: str, fields: Mapping[str, Any]) -> Source:
        """Stores a new source; without a kind it is guessed. Raises InputError, or NameTaken."""
        source = propose(name, fields)
        await self._refuse_taken_paths(name)
        await self._sources.add(source)
        await self._audit.note("source.add", name, after=_on_record(source))
        return source

    async def change(self, name: str, fields: Mapping[str, Any]) -> Source:
        """Gives a source other settings; those that are not named stay. Raises UnknownSource or InputError."""
        before = await self._sources.get(name)
        _refuse_cards(before)
        changed = amend(before, fields)
        await self._sources.change(name, changed)
        await self._audit.note("source.change", name, before=_on_record(before), after=_on_record(changed))
        return changed

    async def remove(self, name: str) -> int:
        """Forgets a source; gives the number of its pages, which leave at the next refresh. Raises UnknownSource."""
        source = await self._sources.get(name)
        _refuse_cards(source)
        pages = (await self._sources.page_counts()).get(name, 0)
        await self._sources.remove(name)
        await self._audit.note("source.remove", name, before={**_on_record(source), "pages": pages})
        return pages

    async def check(self, source: Source) -> str:
        """One sentence on what the source holds right now; nothing is stored. Raises AssistantError."""
        return await asyncio.to_thread(self._gatherer.check, source)

    async def original(self, name: str, page: Page) -> Original:
        """A page as its source gives it now, to be looked at beside what was read in it. Raises AssistantError."""
        copy = await asyncio.to_thread(self._gatherer.original, await self._sources.get(name), page)
        return original_of(copy)

    async def uploads(self, name: str) -> Source:
        """The source, if files can be uploaded to it. Raises UnknownSource, or InputError when they cannot."""
        source = await self._sources.get(name)
        if source.kind is not SourceKind.UPLOAD:
            raise InputError(
                f"The source {name!r} is of the kind {source.kind}; files go into one of the kind {SourceKind.UPLOAD}."
            )
        return source

    async def upload(self, name: str, file: str, raw: bytes) -> Document:
        """Takes a file into a source of uploads; it is found after the next refresh. Raises AssistantError."""
        source = await self.uploads(name)
        if len(raw) > UPLOAD_BYTES:
            raise InputError(f"The file is larger than {UPLOAD_BYTES // 2**20} MB; it was not stored.")
        news = await asyncio.to_thread(self._gatherer.read_upload, source, file, raw)
        assert news.document is not None  # noqa: S101 - an upload that cannot be read raises
        if not await self._library.record(name, [news], grace=self._grace):
            raise UnknownSource(f"The source {name!r} was removed meanwhile; nothing was stored.")
        await self._audit.note("source.upload", name, after={"page": news.path, "bytes": len(raw)})
        return news.document

    async def take_away(self, name: str, page: Page) -> None:
        """Forgets an uploaded page; it leaves the index at the next refresh. Raises InputError as `uploads` does."""
        await self.uploads(name)
        news = PageNews(page.location, page.path, Look.GONE, reason="It was taken away.")
        await self._library.record(name, [news], grace=timedelta(0))
        await self._audit.note("source.take_away", name, before={"page": page.path})

    async def _refuse_taken_paths(self, name: str) -> None:
        """A page would be lost when another source already has a page at its path."""
        if any(path.startswith(f"{name}/") for path in await self._library.held()):
            raise NameTaken(f"There are pages below {name}/ already, of another source. Choose another name.")


def _refuse_cards(source: Source) -> None:
    if source.kind is SourceKind.CARDS:
        raise InputError(f"The source {source.name!r} is what was written in the console: change its cards one by one.")


def propose(name: str, fields: Mapping[str, Any]) -> Source:
    """A new source, checked; the kind is guessed from its location when it is absent. Raises InputError."""
    given = {field: value for field, value in fields.items() if value is not None}
    given.setdefault("kind", guess_kind(str(given.get("location", ""))))
    return make_source(name, given)


def amend(source: Source, fields: Mapping[str, Any]) -> Source:
    """The source with other settings, checked as a new one is. Raises InputError."""
    given = {field: value for field, value in fields.items() if value is not None}
    if source.name == SHIPPED:
        if following := sorted(FOLLOWING & given.keys()):
            raise InputError(
                f"The source {SHIPPED!r} is the folder of KNOWLEDGE_DIR; its {', '.join(following)} cannot be changed."
            )
        return replace(amend(replace(source, name="shipped"), given), name=SHIPPED)
    checked = make_source(source.name, {**settings_of(source), **given})
    return replace(checked, refreshed_at=source.refreshed_at, problem=source.problem)


def settings_of(source: Source) -> dict[str, Any]:
    """What a person decides about a source, by name."""
    return {
        "kind": source.kind,
        "location": source.location,
        "product": source.product,
        "ref": source.ref,
        "folder": source.folder,
        "include": list(source.include),
        "internal": source.internal,
        "enabled": source.enabled,
        "max_pages": source.max_pages,
        "schedule": source.schedule,
    }


def _on_record(source: Source) -> dict[str, Any]:
    """The same for the record of changes, without a password that stands in an address."""
    return {**settings_of(source), "location": re.sub(r"//[^/@\s]+@", "//…@", source.location)}


def guess_kind(location: str) -> SourceKind:
    """The kind of source that a location looks like."""
    first = location.split(maxsplit=1)[0] if location.strip() else ""
    if not first:
        return SourceKind.UPLOAD
    if first.endswith(".git") or first.startswith(("git@", "ssh://", "git://")):
        return SourceKind.GIT
    if first.startswith(("http://", "https://")):
        return _guess_on_the_web(first)
    return SourceKind.UPLOAD if Path(first).expanduser().is_file() else SourceKind.FOLDER


def _guess_on_the_web(address: str) -> SourceKind:
    parts = urlsplit(address)
    path = PurePosixPath(parts.path)
    if parts.hostname in FORGES and len(path.parts) == REPOSITORY_PARTS + 1:
        return SourceKind.GIT
    if path.name in {"llms.txt", "llms-full.txt"}:
        return SourceKind.LLMS_TXT
    if path.name.endswith((".xml", ".xml.gz")) or "sitemap" in path.name.lower():
        return SourceKind.SITEMAP
    return SourceKind.PAGE
