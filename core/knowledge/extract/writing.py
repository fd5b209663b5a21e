# ruff: noqa: ARG002 - markdownify names the parameters of its converters
"""Writes the content of a web page as Markdown.

Comes in: an element of lxml and the code blocks that were taken out of it. Goes out: Markdown. Called by `webpage`.
markdownify does the work; here is what it does otherwise: code, tables, links, definitions, and less escaping, since
the text is searched and quoted as it stands.
"""

import re
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup
from lxml import html
from markdownify import ATX, MarkdownConverter

from core.knowledge.extract.cleaning import CODE
from core.knowledge.extract.code_blocks import CodeBlock
from core.knowledge.extract.tables import table_lines

Element = Any
Tags = set[str]

_TICKS = re.compile(r"`+")
_TAG_LIKE = re.compile(r"<(?=[A-Za-z/!?])")
_FENCE_LIKE = re.compile(r"(`{3,}|~{3,})")
_NOT_TO_FOLLOW = frozenset({"javascript", "data", "blob", "about"})
_TITLES = frozenset(
    [
        "admonition-title",
        "admonition-heading",
        "alert-heading",
        "callout-title",
        "markdown-alert-title",
        "starlight-aside__title",
        "tab-label",
        "sd-summary-title",
        "sd-card-title",
    ]
)
_LONG_TITLE = 80


def to_markdown(element: Element, codes: list[CodeBlock], *, base: str = "") -> str:
    """The Markdown of an element; addresses are made absolute with `base`."""
    source = cast("str", html.tostring(element, encoding="unicode", with_tail=False))
    soup = BeautifulSoup(source, "lxml")
    return _Writer(codes, base).convert_soup(soup)


def fence(code: CodeBlock) -> str:
    """A fenced block, with a fence longer than any run of backticks inside."""
    ticks = "`" * max(3, 1 + max((len(run) for run in _TICKS.findall(code.text)), default=0))
    return f"{ticks}{code.language}\n{code.text}\n{ticks}"


def span(code: str) -> str:
    """Code within a line."""
    runs = {len(run) for run in _TICKS.findall(code)}
    ticks = "`" * next(n for n in range(1, len(runs) + 2) if n not in runs)
    pad = " " if code.startswith("`") or code.endswith("`") else ""
    return f"{ticks}{pad}{code}{pad}{ticks}"


class _Writer(MarkdownConverter):
    """Each `convert_` method gets an element, the Markdown of its children and the names of the elements around."""

    def __init__(self, codes: list[CodeBlock], base: str) -> None:
        super().__init__(heading_style=ATX, bullets="-", escape_asterisks=False, escape_underscores=False)
        self._codes = codes
        self._base = base
        self._cells: dict[int, str] = {}

    def escape(self, text: str, parent_tags: Tags) -> str:
        """Only what would make a tag or a fence of plain words."""
        return _FENCE_LIKE.sub(r"\\\1", _TAG_LIKE.sub(r"\\<", text))

    def process_text(self, el: Any, parent_tags: Tags | None = None) -> str:
        text = str(cast("Any", super()).process_text(el, parent_tags))
        around = parent_tags or set()
        return text.replace("\n", " ") if around & {"td", "th"} and "pre" not in around else text

    def convert_pre(self, el: Any, text: str, parent_tags: Tags) -> str:
        number = el.get(CODE)
        code = self._codes[int(number)] if number else CodeBlock(text, "")
        if "_inline" in parent_tags:
            return "\n" + "\n".join(span(line) for line in code.text.split("\n") if line.strip()) + "\n"
        return f"\n\n{fence(code)}\n\n"

    def convert_code(self, el: Any, text: str, parent_tags: Tags) -> str:
        if "_noformat" in parent_tags:
            return text
        code = " ".join(text.split("\n")).strip()
        return f"{' ' * text.startswith(' ')}{span(code)}{' ' * text.endswith(' ')}" if code else ""

    convert_kbd = convert_samp = convert_tt = convert_code

    def convert_span(self, el: Any, text: str, parent_tags: Tags) -> str:
        literal = "literal" in (el.get("class") or [])  # as docutils marks code within a line
        return self.convert_code(el, text, parent_tags) if literal else text

    def convert_a(self, el: Any, text: str, parent_tags: Tags) -> str:
        href = self._address(el.get("href") or "")
        if "_noformat" in parent_tags or not href or "\n\n" in text.strip():
            return text
        shown = text.strip()
        if not shown:
            return ""
        link = f"<{href}>" if shown == href else f"[{shown}]({href})"
        return f"{' ' * text[:1].isspace()}{link}{' ' * text[-1:].isspace()}"

    def convert_img(self, el: Any, text: str, parent_tags: Tags) -> str:
        alt = " ".join((el.get("alt") or "").split())
        address = self._address(el.get("src") or "")
        return f"![{alt}]({address})" if alt and address and "_inline" not in parent_tags else alt

    def _address(self, address: str) -> str:
        """An absolute address that does not break a Markdown link; "" for one that leads nowhere."""
        try:
            full = urljoin(self._base, address.strip()) if address else ""
            scheme = urlsplit(full).scheme
        except ValueError:
            return ""
        if scheme in _NOT_TO_FOLLOW:
            return ""
        return (
            re.sub(r"\s", "%20", full).replace("(", "%28").replace(")", "%29").replace("<", "%3C").replace(">", "%3E")
        )

    def convert_br(self, el: Any, text: str, parent_tags: Tags) -> str:
        if parent_tags & {"td", "th"}:
            return "\n" + text
        return str(cast("Any", super()).convert_br(el, text, parent_tags))

    def convert_p(self, el: Any, text: str, parent_tags: Tags) -> str:
        if _TITLES.intersection(el.get("class") or []) and not parent_tags & {"td", "th"}:
            return _bold(text)
        return _block(text, parent_tags)

    convert_div = convert_article = convert_section = convert_figure = convert_main = convert_details = convert_p
    convert_aside = convert_header = convert_figcaption = convert_p

    def convert_summary(self, el: Any, text: str, parent_tags: Tags) -> str:
        return text if parent_tags & {"td", "th"} else _bold(text)

    def convert_dt(self, el: Any, text: str, parent_tags: Tags) -> str:
        if parent_tags & {"td", "th"}:
            return _block(text, parent_tags)
        if "sig" in (el.get("class") or []):
            return f"\n\n**{span(' '.join(el.get_text().split()))}**\n\n"
        return _bold(text)

    def convert_dd(self, el: Any, text: str, parent_tags: Tags) -> str:
        return _block(text, parent_tags)

    convert_dl = convert_dd

    def convert_sup(self, el: Any, text: str, parent_tags: Tags) -> str:
        shown = text.strip()
        return text if not shown or shown.startswith(("[", "^")) else f"^{shown}"

    def convert_td(self, el: Any, text: str, parent_tags: Tags) -> str:
        self._cells[id(el)] = text
        return ""

    convert_th = convert_td

    def convert_tr(self, el: Any, text: str, parent_tags: Tags) -> str:
        return ""

    def convert_caption(self, el: Any, text: str, parent_tags: Tags) -> str:
        return _bold(text)

    def convert_table(self, el: Any, text: str, parent_tags: Tags) -> str:
        lines = table_lines(el, self._cells)
        return "\n\n".join(part for part in ("\n", text.strip(), "\n".join(lines), "\n") if part)


def _block(text: str, parent_tags: Tags) -> str:
    if parent_tags & {"td", "th"}:
        return f"\n{text.strip()}\n"
    if "_inline" in parent_tags:
        return f" {text.strip()} "
    shown = text.strip("\n")
    return f"\n\n{shown.strip()}\n\n" if shown.strip() else ""


def _bold(text: str) -> str:
    shown = text.strip()
    if not shown:
        return ""
    plain = len(shown) <= _LONG_TITLE and "\n" not in shown and not any(mark in shown for mark in ("**", "#", "!["))
    return f"\n\n**{shown}**\n\n" if plain else f"\n\n{shown}\n\n"
