"""The pages of a web site, named one by one or by its sitemap or llms.txt.

Comes in: a source and the fetcher. Goes out: its pages and copies of them. Called by the gatherer.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from core.domain.knowledge import Page, Source, SourceKind
from core.errors import FetchFailed
from core.knowledge.gathering.addresses import split_address
from core.knowledge.gathering.documents import document_path, web_path
from core.knowledge.gathering.fetch import Fetcher, Reply
from core.knowledge.gathering.listing import LIST_BYTES, read_llms_txt, read_sitemap, same_site
from core.knowledge.gathering.shelf import Copy, Entry, Listing

MOST_PAGES = 200_000
MOST_SITEMAPS = 200
DEEPEST = 3

Found = dict[str, datetime | None]


class Website:
    """Pages over HTTP."""

    def __init__(self, source: Source, fetcher: Fetcher) -> None:
        self._source = source
        self._fetcher = fetcher
        self._location = source.location.strip()
        self._sites = [self._location]
        self._notes: list[str] = []

    def pages(self) -> Listing:
        """The addresses of the pages."""
        kinds = {SourceKind.SITEMAP: self._sitemap, SourceKind.LLMS_TXT: self._llms_txt}
        found = kinds.get(self._source.kind, self._named)()
        entries = [Entry(at, document_path(self._source, web_path(at)), when) for at, when in found.items()]
        return Listing(tuple(entries), tuple(self._notes))

    def prepare(self, wanted: Sequence[Entry]) -> None:
        """Nothing: pages are fetched one by one."""

    def read(self, entry: Entry, known: Page | None) -> Copy:
        """One page, or that the site still has the known copy."""
        reply = self._fetcher.get(
            entry.location,
            etag=known.etag if known else "",
            last_modified=known.last_modified if known else "",
            internal=self._source.internal,
        )
        return Copy(
            name=unquote(PurePosixPath(urlsplit(reply.address).path).name),
            body=reply.body,
            raw_hash=hashlib.sha256(reply.body).hexdigest(),
            address=reply.address,
            media_type=reply.media_type,
            charset=reply.charset,
            etag=reply.etag,
            last_modified=reply.last_modified,
            unchanged=reply.unchanged,
        )

    def _named(self) -> Found:
        addresses = [address.partition("#")[0] for address in self._source.location.split()]
        for address in addresses:
            split_address(address)
        return dict.fromkeys(addresses)

    def _llms_txt(self) -> Found:
        reply = self._list_at(self._location)
        return self._own(dict.fromkeys(read_llms_txt(reply.body, reply.address)))

    def _sitemap(self) -> Found:
        found: Found = {}
        waiting = [(self._location, 1)]
        seen: set[str] = set()
        while waiting:
            address, depth = waiting.pop(0)
            if address in seen:
                continue
            if len(seen) == MOST_SITEMAPS or len(found) >= MOST_PAGES:
                self._notes.append(f"The list of pages is not complete: only {len(seen)} sitemaps of it were read.")
                break
            seen.add(address)
            sitemap = read_sitemap(self._list_at(address).body, MOST_PAGES - len(found))
            found.update((page.partition("#")[0], when) for page, when in sitemap.pages)
            waiting += [(further, depth + 1) for further in self._further(sitemap.sitemaps, depth)]
        return self._own(found)

    def _further(self, sitemaps: Sequence[str], depth: int) -> Sequence[str]:
        own = list(self._own(dict.fromkeys(sitemaps)))
        if own and depth == DEEPEST:
            self._notes.append(f"Sitemaps below the {DEEPEST}rd level were left out.")
            return []
        return own

    def _list_at(self, address: str) -> Reply:
        """A list of pages. Where its site moved the first one to, that is its site too."""
        try:
            reply = self._fetcher.get(address, internal=self._source.internal, max_bytes=LIST_BYTES)
        except FetchFailed as error:
            said = f"The list of pages, {address}, could not be read: {error.said} What was known is kept."
            raise type(error)(said, detail=error.detail) from error
        if address == self._location:
            self._sites.append(reply.address)
        return reply

    def _own(self, found: Found) -> Found:
        """Only what the list's own host may speak for."""
        own = {at: when for at, when in found.items() if any(same_site(at, site) for site in self._sites)}
        left = [address for address in found if address not in own]
        if left:
            self._notes.append(f"{len(left)} addresses on other sites were left out, such as {left[0][:200]}.")
        return own
