"""Finds the element of a page that holds its main content.

Comes in: a cleaned tree of lxml. Goes out: one of its elements. Called by `webpage`.
What the page says with its elements and roles counts first, then the containers of well-known site generators, then
where most of the text is that is not links.
"""

from collections.abc import Iterable
from typing import Any

from core.knowledge.extract.cleaning import collapsed

Element = Any

_CONTAINER_CLASSES = (
    "theme-doc-markdown",
    "md-content",
    "td-content",
    "markdown-body",
    "rst-content",
    "document",
    "body",
    "markdown-content",
    "mdx-content",
    "entry-content",
    "post-content",
    "article-body",
    "docs-content",
    "main-content",
    "page-inner",
    "markdown",
    "prose",
    "content",
)
_CONTAINER_IDS = ("content", "main-content", "main", "docs-content", "mw-content-text", "bodyContent", "content-area")
_ENOUGH = 0.5
"""Share of a page's text that an element must hold to be taken for its content."""

_ASIDE = 0.03
"""Share of the text that may be left beside the element that a descent goes into."""

_MANY_LINKS = 8


def main_content(root: Element) -> Element:
    """The element with the main content; the body when nothing inside stands out."""
    body = next(root.iter("body"), root)
    whole = _weight(body)
    for candidates in (_semantic(body), _articles(body), _known(body)):
        found = max(candidates, key=_weight, default=None)
        if found is not None and _weight(found) >= _ENOUGH * whole > 0:
            return _descend(_article_within(found))
    return _descend(_without_menus(body))


def _semantic(body: Element) -> Iterable[Element]:
    return body.xpath(".//main | .//*[@role='main'] | .//*[@itemprop='articleBody']")


def _articles(body: Element) -> Iterable[Element]:
    return body.xpath(".//article")


def _known(body: Element) -> Iterable[Element]:
    for element in body.iter("div", "section", "td"):
        names = (element.get("class") or "").split()
        if element.get("id") in _CONTAINER_IDS or any(name in _CONTAINER_CLASSES for name in names):
            yield element


def _article_within(main: Element) -> Element:
    article = max(main.iter("article"), key=_weight, default=None)
    return article if article is not None and _weight(article) >= (1 - _ASIDE) * _weight(main) else main


def _descend(element: Element) -> Element:
    """Goes inward as long as next to nothing but links would be left behind."""
    weight = _weight(element)
    while True:
        inner = max(element.iterchildren("div", "section", "article", "main", "td", "table"), key=_weight, default=None)
        if inner is None or _weight(inner) < (1 - _ASIDE) * weight or _leaves_content(element, inner):
            return element
        element = inner


def _without_menus(body: Element) -> Element:
    """The body without blocks that are nothing but many links, unless the whole page is such a list."""
    whole = _weight(body)
    for block in list(body.iter("ul", "ol", "table", "div", "p")):
        links = sum(1 for _ in block.iter("a"))
        if block.getparent() is not None and links >= _MANY_LINKS and _weight(block) < _ASIDE * whole:
            block.drop_tree()
    return body


def _leaves_content(element: Element, inner: Element) -> bool:
    if collapsed(element.text or "") or any(collapsed(child.tail or "") for child in element):
        return True
    kept = ("h1", "pre", "table", "img")
    return any(next(child.iter(*kept), None) is not None for child in element if child is not inner)


def _weight(element: Element) -> int:
    """Characters of an element that are not in links."""
    links = sum(len(collapsed(link.text_content())) for link in element.iter("a"))
    return len(collapsed(element.text_content())) - links
