"""Turns Markdown that nobody vouches for into HTML that can do no harm.

Comes in: the text of a model, a person or a page. Goes out: an element for the page. HTML in the text is
shown as text, only web and page addresses become links, pictures are not loaded, and code is coloured on
the server.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from nicegui import ui
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name  # pyright: ignore[reportUnknownVariableType]
from pygments.util import ClassNotFound

from core.knowledge.index.chunk import anchor

_CITED = re.compile(r"\[(\d{1,3})\]")
_COLOURED = HtmlFormatter[str](nowrap=True)


def prose(text: str, sources: Mapping[int, str] | None = None, *, anchors: bool = False) -> ui.html:
    """An element that shows Markdown; `[n]` becomes a link to the n-th of `sources`.

    With `anchors` headings can be linked to. Only for the knowledge base: ids are shared with the whole page.
    """
    element = ui.html(text, sanitize=lambda markdown: safe_html(markdown, sources, anchors=anchors))
    return element.classes("prose")


def safe_html(text: str, sources: Mapping[int, str] | None = None, *, anchors: bool = False) -> str:
    """The HTML of a Markdown text."""
    return str(_renderer().render(text, {"sources": sources or {}, "anchors": anchors}))


def is_web_address(address: str) -> bool:
    """Whether an address may become a link: a page of this site, or of the web."""
    if address.startswith("/"):
        return not address.startswith(("//", "/\\"))
    return urlsplit(address).scheme in {"http", "https"}


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "highlight": _coloured}).enable(["table", "strikethrough"])
    markdown.disable("image")
    markdown.add_render_rule("text", _text)
    markdown.add_render_rule("code_block", _code_block)
    markdown.add_render_rule("heading_open", _heading_open)
    markdown.add_render_rule("link_open", _link_open)
    markdown.add_render_rule("table_open", lambda *_: '<div class="wide" tabindex="0"><table>\n')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return markdown


def _coloured(code: str, language: str, _attributes: str) -> str:
    try:
        return _scrolling(highlight(code, get_lexer_by_name(language or "text"), _COLOURED))
    except ClassNotFound:
        return _scrolling(escape(code))


def _code_block(_: RendererHTML, tokens: Sequence[Token], index: int, __: Any, ___: Any) -> str:
    return f"{_scrolling(escape(tokens[index].content))}\n"


def _scrolling(html: str) -> str:
    """Code that keys can scroll."""
    return f'<pre tabindex="0"><code>{html}</code></pre>'


def _text(_: RendererHTML, tokens: Sequence[Token], index: int, __: Any, env: Any) -> str:
    sources: Mapping[int, str] = env["sources"]

    def cited(match: re.Match[str]) -> str:
        number = int(match[1])
        address = sources.get(number, "")
        if not is_web_address(address):
            return match[0]
        return f'<a class="cite" href="{escape(address)}" aria-label="Source {number}">{number}</a>'

    return _CITED.sub(cited, escape(tokens[index].content, quote=False))


def _heading_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    if env["anchors"]:
        tokens[index].attrSet("id", anchor(tokens[index + 1].content))
    return renderer.renderToken(tokens, index, options, env)


def _link_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    if urlsplit(str(tokens[index].attrGet("href"))).netloc:
        tokens[index].attrSet("target", "_blank")
        tokens[index].attrSet("rel", "noopener noreferrer")
    return renderer.renderToken(tokens, index, options, env)
