"""Reads Markdown, MDX and plain text: front matter and comments off, all else as it was written.

Comes in: the page's text. Goes out: `Extracted`. Called by `extract`.
"""

import datetime as dt
import re
import tomllib
from typing import Any, cast

import yaml
from frontmatter.default_handlers import BaseHandler, YAMLHandler
from markdown_it import MarkdownIt

from core.errors import Unreadable
from core.knowledge.extract.extracted import Extracted
from core.knowledge.extract.mdx import looks_like_mdx, without_comments, without_directives, without_mdx

_COMMONMARK = MarkdownIt("commonmark")
_TOML_LINE = re.compile(r"at line (\d+)")
_HEADING_ID = re.compile(r"\s*\{#[\w-]+\}\s*$|\s+#+\s*$")


class _Toml(BaseHandler):
    """Front matter between lines of `+++`, as Hugo's pages have it."""

    FM_BOUNDARY = re.compile(r"^\+{3,}\s*$", re.MULTILINE)
    START_DELIMITER = END_DELIMITER = "+++"

    def load(self, fm: str) -> dict[str, Any]:
        return tomllib.loads(fm)


def read_markdown(text: str, *, mdx: bool = False) -> Extracted:
    """The content of a Markdown page. Raises Unreadable when its front matter is broken."""
    metadata, content = _front_matter(text)
    if mdx or looks_like_mdx(content):
        content = without_mdx(content)
    if "<!--" in content:
        content = without_comments(content)
    if ":::" in content:
        content = without_directives(content)
    title = metadata.get("title", "") or _first_heading(content)
    return Extracted(title=title, text=content, language=metadata.get("lang", "")[:2], metadata=metadata)


def read_text(text: str) -> Extracted:
    """Plain text as it stands; a first line that is a heading of Markdown is its title."""
    first = text.lstrip().split("\n", 1)[0].strip()
    return Extracted(title=first.lstrip("# ").strip() if first.startswith("# ") else "", text=text)


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    """The text fields before a page, and the page without them; a page without any stays as it is."""
    handler = next((h for h in (YAMLHandler(), _Toml()) if h.detect(text.lstrip())), None)
    if handler is None:
        return {}, text
    try:
        said, content = handler.split(text.lstrip())
    except ValueError:  # a rule at the top that no second one follows
        return {}, text
    try:
        fields = cast("object", handler.load(said))
    except (yaml.YAMLError, ValueError) as error:
        at = f" in line {line}" if (line := _line(error)) else ""
        raise Unreadable(f"The front matter of the page is broken{at}. Mend it.", detail=str(error)) from error
    if fields is None:
        return {}, content.strip()
    if not isinstance(fields, dict):  # prose between two rules
        return {}, text
    return _texts(cast("dict[object, object]", fields)), content.strip()


def _texts(fields: dict[object, object]) -> dict[str, str]:
    kept = (str, int, float, dt.date)
    return {str(name): str(value).strip() for name, value in fields.items() if isinstance(value, kept)}


def _line(error: Exception) -> int | None:
    """The line of the page that an error in its front matter is about; the first line is the rule above it."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        return int(mark.line) + 1
    found = _TOML_LINE.search(str(error))
    return int(found[1]) if found else None


def _first_heading(text: str) -> str:
    """The words of the first heading of the first level."""
    tokens = _COMMONMARK.parse(text)
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h1":
            children = tokens[index + 1].children or []
            shown = "".join(" " if c.type == "softbreak" else c.content for c in children if c.type != "html_inline")
            return _HEADING_ID.sub("", shown).strip()
    return ""
