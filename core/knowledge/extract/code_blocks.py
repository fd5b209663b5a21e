"""Reads the code out of a `<pre>`: every character of it, but no line numbers and no buttons.

Comes in: an element of lxml. Goes out: a `CodeBlock`. Called by `cleaning`.
"""

import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

Element = Any

_LINE_ELEMENTS = frozenset({"div", "tr", "li", "p"})
_SKIPPED = frozenset({"button", "svg", "script", "style", "clipboard-copy", "select", "input", "textarea", "template"})
_COPY = re.compile(r"(?:^|[-_])(?:copy|copybtn|clipboard|tooltip|sr-only|visually-hidden)(?:[-_]|$)")
_BUTTON_TEXT = re.compile(r"\s*(?:copy(?: code| to clipboard)?|copied!?)?\s*", re.IGNORECASE)
_GUTTER = re.compile(
    r"(?:^|\s)(?:linenos?|lineno-\w+|line-?numbers?(?:-\w+)?|ln|lnt|gutter|rouge-gutter|hljs-ln-numbers|blob-num|"
    r"linenodiv|react-code-line-number|react-line-number|code-line-number|grvsc-gutter)(?:\s|$)",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"[\s\d.:|]*")
_LINE = re.compile(r"(?:^|[\s-])line(?:[\s-]|$)")
_LANGUAGE_CLASSES = (
    re.compile(r"(?:^|\s)(?:language|lang)-([\w+#.-]+)"),
    re.compile(r"(?:^|\s)highlight-(?:source|text)-([\w+#.-]+)"),
    re.compile(r"(?:^|\s)highlight-(?!source|text)([\w+#.-]+)"),
    re.compile(r"(?:^|\s)brush:\s*([\w+#.-]+)"),
    re.compile(
        r"^(?:sourceCode|code|highlight)\s+(?!literal-block)([a-z][a-z0-9+#]*)(?:$|\s+(?:numberSource|literal-block))"
    ),
)
_NO_LANGUAGE = frozenset(
    [
        "default",
        "none",
        "text",
        "plaintext",
        "plain",
        "txt",
        "nohighlight",
        "notranslate",
        "hljs",
        "highlight",
        "output",
    ]
)
_LEVELS = 4


@dataclass(frozen=True)
class CodeBlock:
    """Code as it was written, without the line end after its last line, and its language ("" when not said)."""

    text: str
    language: str


def read_code(pre: Element) -> CodeBlock:
    """The code in a `<pre>`. A line end right after the tag and the one after the last line belong to the markup."""
    parts: list[str] = []
    _collect(pre, parts)
    text = "".join(parts).replace("\r\n", "\n").replace("\r", "\n")
    if (pre.text or "").startswith("\n"):
        text = text[1:]
    return CodeBlock(text.removesuffix("\n"), _language(pre))


def is_gutter(element: Element) -> bool:
    """Whether an element shows nothing but line numbers."""
    if not _GUTTER.search(element.get("class") or "") and element.get("data-line-number") is None:
        return False
    return _NUMBERS.fullmatch(element.text_content()) is not None


def _collect(element: Element, parts: list[str]) -> None:
    """Adds the text of an element; sites that make an element of each line leave the line ends out."""
    if element.tag == "br":
        parts.append("\n")
    start = len(parts)
    parts.append(element.text or "")
    for child in element:
        if not _is_furniture(child):
            _collect(child, parts)
            if _abuts_next_line(child):
                parts.append("\n")
        parts.append(child.tail or "")
    if element.tag in _LINE_ELEMENTS:
        own = "".join(parts[start:])
        if (own or _LINE.search(element.get("class") or "")) and not own.endswith("\n"):
            parts.append("\n")


def _is_furniture(element: Element) -> bool:
    if not isinstance(element.tag, str) or element.tag in _SKIPPED or is_gutter(element):
        return True
    copies = _COPY.search(element.get("class") or "") is not None
    return copies and _BUTTON_TEXT.fullmatch(element.text_content()) is not None


def _abuts_next_line(element: Element) -> bool:
    """Whether the element is a line of its own that the next line follows without a line end between them."""
    following = element.getnext()
    return (
        following is not None
        and element.tag == following.tag == "span"
        and not element.tail
        and "line" in (element.get("class") or "").split()
        and "line" in (following.get("class") or "").split()
        and not element.text_content().endswith("\n")
        and next(element.iter("br"), None) is None
    )


def _language(pre: Element) -> str:
    inner = next(pre.iter("code"), None)
    around = [*([inner] if inner is not None else []), pre, *islice(pre.iterancestors("div", "figure"), _LEVELS)]
    for element in around:
        said = element.get("data-lang") or element.get("data-language") or ""
        names = [said, *(m[1] for p in _LANGUAGE_CLASSES if (m := p.search(element.get("class") or "")))]
        for name in names:
            if name and name.lower() not in _NO_LANGUAGE and re.fullmatch(r"[\w+#.-]{1,30}", name):
                return name.lower()
    return ""
