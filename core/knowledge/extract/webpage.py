"""Reads a web page: its main content as Markdown, its title, language and canonical address.

Comes in: the page's text and the address it was read from. Goes out: `Extracted`. Called by `extract`.
"""

import re
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

from lxml import etree, html  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType] - untyped

from core.errors import Unreadable
from core.knowledge.extract.cleaning import clean, collapsed, take_code
from core.knowledge.extract.extracted import Extracted
from core.knowledge.extract.main_content import main_content
from core.knowledge.extract.writing import to_markdown

Element = Any
"""lxml ships no types."""

LxmlError = cast("type[Exception]", etree.LxmlError)

STUB = 200
"""Characters; a page with less text than this may be one that only a browser can show."""

_APP_ROOTS = (
    "//*[@id='root' or @id='app' or @id='__next' or @id='___gatsby' or @id='__nuxt' or @id='svelte']|//app-root"
)
_WANTS_JAVASCRIPT = re.compile(r"javascript", re.IGNORECASE)
_SITE_SUFFIX = re.compile(r"\s+[|·•»—\u2013]\s+")


def read_webpage(text: str, *, address: str = "") -> Extracted:
    """The content of an HTML page. Raises Unreadable when there is none to be seen."""
    root = parse(text)
    head = _Head(root, address)
    needs_javascript = _signs_of_javascript(root)
    codes = take_code(root)
    clean(root)
    main = main_content(root)
    markdown = to_markdown(main, codes, base=head.base)
    if len(markdown) < STUB and needs_javascript(markdown):
        raise Unreadable("The page shows its text only with JavaScript. Use another address of it, or its source.")
    if not markdown.strip():
        raise Unreadable("The page has no text.")
    return Extracted(
        title=head.title(_heading(main) or _heading(root)),
        text=markdown,
        language=head.language,
        canonical=head.canonical,
    )


def read_fragment(text: str, *, base: str = "") -> str:
    """A piece of HTML that is content throughout, as Markdown."""
    root = parse(text)
    codes = take_code(root)
    clean(root, boilerplate=False)
    return to_markdown(root, codes, base=base)


def parse(text: str) -> Element:
    """The tree of a page, however broken its HTML is."""
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        return cast("Element", html.document_fromstring(text.encode("utf-8", errors="replace"), parser=parser))
    except LxmlError as error:
        raise Unreadable("The page is empty.", detail=str(error)) from error


class _Head:
    """What a page says about itself; read before the page is cleaned."""

    def __init__(self, root: Element, address: str) -> None:
        self._root = root
        canonical = self._first("//link[contains(concat(' ', @rel, ' '), ' canonical ')]/@href")
        self.canonical = _web_address(absolute(address, canonical)) if canonical else ""
        own = address or self.canonical
        self.base = absolute(own, self._first("//base/@href"))
        named = self._first("/html/@lang") or self._first("//meta[@property='og:locale']/@content")
        self._title = self._first("//meta[@property='og:title']/@content") or self._first("/html/head/title/text()")
        self._site = self._first("//meta[@property='og:site_name']/@content")
        self.language = re.split(r"[-_]", named.strip())[0].lower()

    def title(self, heading: str) -> str:
        """The page's title without the site's name, which the heading helps to tell apart."""
        if not self._title or (heading and heading in self._title):
            return heading or self._title
        return _without_site(self._title, self._site)

    def _first(self, path: str) -> str:
        return next((collapsed(str(found)) for found in self._root.xpath(path) if str(found).strip()), "")


def absolute(base: str, address: str) -> str:
    """An address as seen from a page; unchanged when either is no address."""
    try:
        return urljoin(base, address)
    except ValueError:
        return address


def _web_address(address: str) -> str:
    try:
        return address if urlsplit(address).scheme in {"http", "https"} else ""
    except ValueError:
        return ""


def _without_site(title: str, site: str) -> str:
    first = _SITE_SUFFIX.split(title)[0].strip()
    before, dash, last = first.rpartition(" - ")
    if dash and before.strip() and (last == site or len(last.split()) <= 2):  # noqa: PLR2004 - a name, not a clause
        return before.strip()
    return first


def _heading(element: Element) -> str:
    return next((text for text in (collapsed(h.text_content()) for h in element.iter("h1")) if text), "")


def _signs_of_javascript(root: Element) -> Callable[[str], bool]:
    """Decides later whether a page that turned out nearly empty would show more in a browser."""
    asks = any(_WANTS_JAVASCRIPT.search(note.text_content()) for note in root.iter("noscript"))
    empty_root = any(len(collapsed(app.text_content())) < STUB // 4 for app in root.xpath(_APP_ROOTS))
    scripts = next(root.iter("script"), None) is not None

    def judge(markdown: str) -> bool:
        return asks or empty_root or (scripts and not markdown.strip())

    return judge
