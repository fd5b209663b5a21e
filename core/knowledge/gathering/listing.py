"""Reads lists of pages: sitemaps and llms.txt.

Comes in: the bytes of a list. Goes out: the addresses in it. Pure; called by `Website`, which fetches.
"""

import gzip
import re
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin, urlsplit
from xml.parsers import expat

from core.errors import FetchFailed

LIST_BYTES = 64 * 2**20
"""The protocol of sitemaps allows 50 MB, unpacked."""
PIECE = 2**16
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)")
GZIP = b"\x1f\x8b"


@dataclass
class Sitemap:
    """What a sitemap lists: pages with the time of their last change, and further sitemaps."""

    pages: list[tuple[str, datetime | None]] = field(default_factory=list[tuple[str, datetime | None]])
    sitemaps: list[str] = field(default_factory=list[str])


def read_sitemap(raw: bytes, most: int) -> Sitemap:
    """A sitemap or an index of sitemaps, as XML (possibly gzipped) or as a text of addresses; `most` pages of it."""
    raw = _unpacked(raw).lstrip()
    if raw.startswith((b"http://", b"https://")):
        lines = raw.decode(errors="replace").split()
        return Sitemap(pages=[(line, None) for line in lines[:most]])
    reader = _SitemapReader(most)
    try:
        reader.read(raw)
    except (expat.ExpatError, UnicodeError, LookupError) as error:
        raise FetchFailed("The sitemap is not well-formed XML. Check its address.", detail=str(error)) from error
    return reader.found


def read_llms_txt(raw: bytes, address: str) -> list[str]:
    """The addresses of the Markdown links of an llms.txt."""
    text = raw.decode("utf-8-sig", errors="replace")
    if text.lstrip()[:200].lower().startswith(("<!doctype html", "<html")):
        raise FetchFailed("The llms.txt is a web page instead of a list of links. Check its address.")
    addresses: list[str] = []
    for link in LINK.findall(text):
        try:
            addresses.append(urljoin(address, link).partition("#")[0])
        except ValueError:
            continue  # a link that is no address
    return list(dict.fromkeys(found for found in addresses if found.startswith(("http://", "https://"))))


def same_site(address: str, site: str) -> bool:
    """Whether a list at `site` may speak for an address: its own host and the hosts below it."""
    try:
        theirs, ours = urlsplit(address), urlsplit(site)
        ports = {theirs.port, ours.port} - {80, 443}
    except ValueError:
        return False
    host, own = (theirs.hostname or "").rstrip("."), (ours.hostname or "").rstrip(".").removeprefix("www.")
    return theirs.scheme in {"http", "https"} and len(ports) == 1 and (host == own or host.endswith(f".{own}"))


class _SitemapReader:
    """Reads XML as a stream of tags. A document type is refused: it is what bombs are made of."""

    def __init__(self, most: int) -> None:
        self.found = Sitemap()
        self._most = most
        self._text: list[str] | None = None
        self._loc = self._lastmod = ""
        self._open: list[str] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def read(self, raw: bytes) -> None:
        for start in range(0, len(raw), PIECE):
            self._parser.Parse(raw[start : start + PIECE], False)
        self._parser.Parse(b"", True)
        if not self.found.pages and not self.found.sitemaps:
            raise FetchFailed("The sitemap lists no page. Check its address.")

    def _refuse(self, *_: object) -> None:
        raise FetchFailed("The sitemap declares a document type, as web pages do and sitemaps do not. It was not read.")

    def _start(self, name: str, _: object) -> None:
        name = _local(name)
        if not self._open and name not in {"urlset", "sitemapindex"}:
            raise FetchFailed("The file is not a sitemap. Check its address.")
        self._open.append(name)
        if name in {"url", "sitemap"}:
            self._loc = self._lastmod = ""
        is_wanted = name in {"loc", "lastmod"} and self._open[-2] in {"url", "sitemap"}
        self._text = [] if is_wanted else None

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, name: str) -> None:
        name = _local(name)
        self._open.pop()
        if self._text is not None:
            value = "".join(self._text).strip()
            self._loc, self._lastmod = (value, self._lastmod) if name == "loc" else (self._loc, value)
            self._text = None
        elif name == "url" and self._loc and len(self.found.pages) < self._most:
            self.found.pages.append((self._loc, changed_before(self._lastmod)))
        elif name == "sitemap" and self._loc:
            self.found.sitemaps.append(self._loc)


def changed_before(lastmod: str) -> datetime | None:
    """The latest moment that a `lastmod` may mean: a day without a time may mean its end, anywhere on earth."""
    try:
        when = datetime.fromisoformat(lastmod)
    except ValueError:
        return None
    if "T" not in lastmod and ":" not in lastmod:
        when += timedelta(days=1, hours=12)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _local(name: str) -> str:
    """The name of a tag without its prefix."""
    return name.rpartition(":")[2].lower()


def _unpacked(raw: bytes) -> bytes:
    if not raw.startswith(GZIP):
        return raw.removeprefix(b"\xef\xbb\xbf")
    try:
        unpacked = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(raw, LIST_BYTES + 1)
    except (zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise FetchFailed("The sitemap cannot be unpacked.", detail=str(error)) from error
    if len(unpacked) > LIST_BYTES:
        raise FetchFailed(f"The sitemap unpacks to more than the limit of {LIST_BYTES // 2**20} MB.")
    return unpacked
