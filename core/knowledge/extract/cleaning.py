"""Removes from the tree of a web page what is not content, and sets its code aside untouched.

Comes in: a tree of lxml, which is changed. Goes out: the code blocks; the tree keeps content, tab panels with their
labels, headings without anchors. Called by `webpage`.
"""

import re
from collections.abc import Iterable
from typing import Any

from core.knowledge.extract.code_blocks import CodeBlock, is_gutter, read_code
from core.knowledge.extract.tabs import label_tabs

Element = Any

CODE = "data-code-block"
"""The attribute of a `<pre>` that says which of the code blocks belongs there."""

_NEVER_CONTENT = [
    "script",
    "style",
    "noscript",
    "template",
    "iframe",
    "object",
    "embed",
    "svg",
    "canvas",
    "button",
    "input",
    "select",
    "textarea",
    "option",
    "datalist",
    "audio",
    "video",
    "source",
    "track",
    "map",
    "link",
    "meta",
    "clipboard-copy",
    "progress",
]
_ROLES = frozenset(
    [
        "navigation",
        "banner",
        "contentinfo",
        "search",
        "dialog",
        "alertdialog",
        "menu",
        "menubar",
        "toolbar",
        "tooltip",
        "tablist",
        "doc-toc",
        "doc-pagebreak",
        "complementary",
    ]
)
_FLUFF = re.compile(
    r"(?:^|-)(?:"
    r"breadcrumbs?|toc|tocbot|table-of-contents|on-this-page|page-outline|sidebar|sidenav|side-nav|navbar|nav|"
    r"navigation|menu|pagination|pager|prev-next|next-prev|rst-footer-buttons|"
    r"edit-(?:this-)?page|edit-link|suggest-edit|feedback|helpful|rating|last-?updated|last-?modified|lastupd|"
    r"page-actions|page-metadata|content-button|source-file|viewcode-link|"
    r"cookies?|consent|gdpr|newsletter|subscribe|announcement|skip-?(?:link|nav|to-(?:main-)?content)|"
    r"share|social|copy-?(?:btn|button|code)|copybtn|clipboard|"
    r"advert\w*|ads?|ad-slot|sponsors?|promo|comments|giscus|utterances|disqus|ask-ai|eyebrow|"
    r"footer|site-header|theme-toggle|version-(?:switcher|selector|warning|banner)|search|searchbox|"
    r"sr-only|visually-hidden|screen-reader-text|related-(?:pages|posts|articles)"
    r")(?:-|$)"
)
_FLUFF_IDS = frozenset(
    [
        "toc",
        "table-of-contents",
        "tableofcontents",
        "sidebar",
        "breadcrumbs",
        "footer",
        "cookie-banner",
        "comments",
        "disqus_thread",
        "nav",
        "navbar",
        "left-nav",
        "right-nav",
        "sidenav",
        "pagination",
        "feedback",
        "announcement-banner",
        "search",
    ]
)
_ABOUT_LAYOUT = re.compile(r"^(?:has|with|without|no|is|show|hide|layout)-")
_NOTE = re.compile(r"admonition|callout|hint|alert|note|starlight-aside|warning|tip\b|info")
_FLUFF_TEXT = re.compile(
    r"(?:was this (?:page|article|section|doc\w*|helpful)\b.{0,40}|did this (?:page|help)\b.{0,40}|"
    r"edit (?:this page|on github|this page on github)|edit page|view (?:page )?source|on this page|"
    r"(?:skip|jump) to (?:main )?content|last (?:updated|modified|edited)\b.{0,50}|"
    r"copy(?: code| to clipboard| page)?|copied!?|report (?:an? )?(?:issue|bug|problem)|"
    r"suggest (?:an )?edits?|raise issue|send feedback|back to top|loading\W*|powered by .{1,30})\W*",
    re.IGNORECASE,
)
_HELPFUL = re.compile(r"was this |did this ", re.IGNORECASE)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_ANCHOR_TEXTS = frozenset({"", "#", "¶", "§", "🔗", "link", "permalink", "anchor", "direct link", "[#]", "[link]"})
_ZERO_WIDTH = str.maketrans("", "", "\u200b\u200c\u2060\ufeff")
_HIDDEN = re.compile(r"display:\s*none|visibility:\s*hidden")
_HUMP = re.compile(r"([a-z])([A-Z])")
_KEPT_TAGS = frozenset({"html", "body", "main", "article", "pre", "code", *_HEADINGS})
_LINKS_MAKE_IT_A_MENU = 0.5
_TOO_MUCH_TO_DROP = 0.4
_LONG_FORM = 500
_SHORT = 90
_FEW = 4


def collapsed(text: str) -> str:
    """Text on one line, without the invisible characters that sites hide in headings."""
    return " ".join(text.translate(_ZERO_WIDTH).split())


def take_code(root: Element) -> list[CodeBlock]:
    """Every code block of the page; its element keeps the plain text and the number of the block."""
    codes: list[CodeBlock] = []
    for element in root.xpath("//code[.//br][not(ancestor::pre)]"):
        element.tag = "pre"
    for pre in root.xpath("//pre[not(ancestor::pre)]"):
        block = read_code(pre)
        for child in list(pre):
            pre.remove(child)
        pre.text = block.text
        if not block.text.strip():
            pre.drop_tree()
            continue
        pre.set(CODE, str(len(codes)))
        codes.append(block)
    return codes


def clean(root: Element, *, boilerplate: bool = True) -> None:
    """Removes scripts and hidden parts, and with `boilerplate` also what surrounds the content of a site's pages."""
    label_tabs(root)
    _drop(root.iter(*_NEVER_CONTENT))
    _drop(element for element in root.iter("span", "td", "th", "div") if is_gutter(element))
    for table in root.xpath("//table"):
        _unfold(table)
    for heading in root.iter(*_HEADINGS):
        _without_anchors(heading)
    if boilerplate:
        _drop(root.iter("nav", "dialog"))
        _drop(element for element in root.iter("header", "footer", "aside", "form") if _surrounds(element))
        whole = len(root.text_content())
        for element in root.xpath("//body//*[@class or @id or @role or @hidden or @style or @aria-hidden]"):
            if _is_boilerplate(element) and _may_go(element, whole):
                element.drop_tree()
        _drop_by_text(root)


def _drop(elements: Iterable[Element]) -> None:
    for element in list(elements):
        if element.getparent() is not None:
            element.drop_tree()


def _surrounds(element: Element) -> bool:
    """Whether a part that can be content, too, is the frame of a page here."""
    if element.tag == "form":
        return len(element.text_content()) < _LONG_FORM
    if element.tag == "footer":
        return element.getparent().tag != "blockquote"
    if element.tag == "aside":
        return not _NOTE.search(f"{element.get('class') or ''} {element.get('role') or ''}")
    return next(element.iter("h1"), None) is None and next(element.iterancestors("article", "main"), None) is None


def _is_boilerplate(element: Element) -> bool:
    if element.tag in _KEPT_TAGS or element.getparent() is None:
        return False
    if element.get("role") in _ROLES or _is_hidden(element):
        return True
    names = element.get("class") or ""
    if names and not _NOTE.search(names) and any(_is_fluff(name) for name in names.split()):
        return True
    return element.tag in {"div", "aside", "ul", "ol"} and (element.get("id") or "").lower() in _FLUFF_IDS


def _is_fluff(name: str) -> bool:
    plain = _HUMP.sub(r"\1-\2", name).replace("_", "-").lower()
    return not _ABOUT_LAYOUT.match(plain) and _FLUFF.search(re.sub(r"-{2,}", "-", plain)) is not None


def _is_hidden(element: Element) -> bool:
    if element.get("role") == "tabpanel" or element.tag in {"img", "math"}:
        return False
    hidden = element.get("hidden") is not None or element.get("aria-hidden") == "true"
    return hidden or _HIDDEN.search(element.get("style") or "") is not None


def _may_go(element: Element, whole: int) -> bool:
    """Whether a part that is named like a frame is one: not the greater part of the page, unless all of it is links."""
    text = len(element.text_content())
    if text < _TOO_MUCH_TO_DROP * whole and next(element.iter("h1"), None) is None:
        return True
    return link_share(element, text) > _LINKS_MAKE_IT_A_MENU


def link_share(element: Element, text: int) -> float:
    """Share of the text of an element that is inside links."""
    return sum(len(link.text_content()) for link in element.iter("a")) / max(text, 1)


def _drop_by_text(root: Element) -> None:
    """Removes the small parts that only their words give away."""
    for element in list(root.iter("p", "div", "span", "a", "li", *_HEADINGS)):
        if element.getparent() is None or len(element) > _FEW or next(element.iter("pre"), None) is not None:
            continue
        text = collapsed(element.text_content())
        if not text or len(text) > _SHORT or not _FLUFF_TEXT.fullmatch(text):
            continue
        before = element.getprevious()
        if _HELPFUL.match(text) and before is not None and before.tag in _HEADINGS:
            before.drop_tree()  # "Feedback"
        if element.tag in _HEADINGS or not _inside_sentence(element):
            element.drop_tree()


def _inside_sentence(element: Element) -> bool:
    """Whether a link or a span has words beside it, as in "see [view source]" or a list of links."""
    if element.tag not in {"a", "span"}:
        return False
    around = element.getparent()
    return bool(collapsed((around.text or "") + (element.tail or ""))) and around.tag in {"p", "li", "td", "dd"}


def _without_anchors(heading: Element) -> None:
    """Removes the link to itself from a heading; a link around all of its words loses only the link."""
    for link in list(heading.iter("a", "button")):
        if collapsed(link.text_content()).lower() in _ANCHOR_TEXTS and next(link.iter("img"), None) is None:
            link.drop_tree()
        elif (link.get("href") or "#").startswith("#"):
            link.drop_tag()


def _unfold(table: Element) -> None:
    """Turns a table that only lays code or whole sections out into plain blocks."""
    cells = [cell for cell in table.iter("td", "th") if collapsed(cell.text_content()) or len(cell)]
    blocks = next(table.iter("h1", "h2", "h3", "h4"), None) is not None or table.get("role") in {"presentation", "none"}
    if len(cells) > 1 and not blocks and not all(_only_code(cell) for cell in cells):
        return
    for part in list(table.iter("table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption", "colgroup")):
        part.tag = "div"


def _only_code(cell: Element) -> bool:
    codes = list(cell.iter("pre"))
    return bool(codes) and collapsed(cell.text_content()) == collapsed(" ".join(code.text or "" for code in codes))
