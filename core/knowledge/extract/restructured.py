"""Reads reStructuredText, also Sphinx's, without running anything that it asks for.

Comes in: the page's text. Goes out: `Extracted`. Called by `extract`. What only Sphinx knows stays as text.
"""

import re
from html import unescape
from typing import Any, ClassVar, cast

from docutils import core as docutils_core
from docutils import nodes
from docutils.parsers.rst import Directive, directives, roles
from docutils.parsers.rst.languages import en
from docutils.statemachine import StringList

from core.errors import Unreadable
from core.knowledge.extract.extracted import Extracted
from core.knowledge.extract.webpage import read_fragment

_SETTINGS = {
    "_disable_config": True,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,
    "halt_level": 5,
    "initial_header_level": 2,
    "doctitle_xform": True,
    "smart_quotes": False,
    "syntax_highlight": "none",
    "math_output": "LaTeX",
    "embed_stylesheet": False,
    "line_length_limit": 100_000,
}
_CODE = ("code", "code-block", "sourcecode", "prompt", "ipython", "doctest", "testcode", "parsed-literal", "console")
_SILENT = [
    "toctree",
    "contents",
    "index",
    "include",
    "literalinclude",
    "highlight",
    "currentmodule",
    "module",
    "meta",
    "raw",
    "image",
    "figure",
    "bibliography",
    "tabularcolumns",
    "default-domain",
    "default-role",
    "sectnum",
    "target-notes",
]
_CHANGES = {
    "seealso": "See also",
    "versionadded": "Added in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version",
    "todo": "To do",
}
_USED_DIRECTIVE = re.compile(
    r"^[ \t]*(?:\|[^|\n]+\|[ \t]*)?\.\.[ \t]+(?:\|[^|\n]+\|[ \t]+)?([\w:+.-]+?)::", re.MULTILINE
)
_USED_ROLE = re.compile(r":([A-Za-z][\w:+.-]*):`|`:([A-Za-z][\w:+.-]*):")
_TARGET = re.compile(r"^(.*?)\s*<([^<>]*)>$", re.DOTALL)
_WORDS_ROLES = frozenset(
    {"ref", "doc", "term", "numref", "menuselection", "guilabel", "abbr", "any", "download", "pep"}
)


class _AnyOption(dict[str, Any]):
    """Accepts the options of every directive as text."""

    def __missing__(self, name: str) -> Any:
        return directives.unchanged


class _Tolerant(Directive):
    """A directive of Sphinx that docutils does not know: its argument and its content stay as text."""

    optional_arguments: ClassVar[int] = 1
    final_argument_whitespace: ClassVar[bool] = True
    has_content: ClassVar[bool] = True
    option_spec: ClassVar[Any] = _AnyOption({"class": directives.unchanged})

    def run(self) -> list[nodes.Node]:
        said, _, more = (self.arguments[0] if self.arguments else "").partition("\n")
        text = StringList([*more.split("\n"), "", *self.content], "page")
        return [*self._heading(said.strip()), *self._children(text)]

    def _heading(self, said: str) -> list[nodes.Node]:
        if self.name in _CHANGES:
            return [_bold(f"{_CHANGES[self.name]} {said}".strip())]
        if not said:
            return []
        object_ = self.name.startswith("auto") or ":" in self.name or self.name in {"function", "class", "method"}
        return [nodes.paragraph("", "", nodes.literal(said, said))] if object_ else [_bold(said)]

    def _children(self, lines: StringList) -> list[nodes.Node]:
        around = nodes.container()
        self.state.nested_parse(lines, self.content_offset, around)
        return list(around.children)


class _Code(_Tolerant):
    """A block of code in a language that need not be known."""

    def run(self) -> list[nodes.Node]:
        code = "\n".join(self.content)
        language = self.arguments[0].split()[0] if self.arguments and self.arguments[0].strip() else ""
        classes = ["code", language] if language else []
        return [nodes.literal_block(code, code, classes=classes)] if code else []


class _Silent(_Tolerant):
    """A directive whose content is no text of the page."""

    def run(self) -> list[nodes.Node]:
        return []


def read_rst(text: str) -> Extracted:
    """The content of a page. Raises Unreadable when it cannot be parsed."""
    _know(text)
    try:
        parts = cast("Any", docutils_core).publish_parts(text, writer="html5", settings_overrides=_SETTINGS)
    except RecursionError:
        raise
    except Exception as error:  # docutils gives up in as many ways as it has transforms
        raise Unreadable("The reStructuredText of the page cannot be parsed.", detail=repr(error)) from error
    title = " ".join(re.sub(r"<[^>]+>", "", str(parts["title"])).split())
    heading = f"<h1>{parts['title']}</h1>" if title else ""
    markdown = read_fragment(f"<html><body>{heading}{parts['body']}</body></html>")
    return Extracted(title=unescape(title), text=markdown)


def _know(text: str) -> None:
    """Registers what the page uses and docutils does not know; the registry is docutils' own and for the process."""
    for name in _CODE:
        directives.register_directive(name, _Code)
    for name in _SILENT:
        directives.register_directive(name, _Silent)
    known = {*_CODE, *_SILENT}
    for name in {found.lower() for found in _USED_DIRECTIVE.findall(text)}:
        if name not in en.directives and name not in known:
            directives.register_directive(name, _Tolerant)
    for name in {(before or after).lower() for before, after in _USED_ROLE.findall(text)}:
        if name not in en.roles:
            roles.register_local_role(name, cast("Any", _role))


def _role(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, *_: Any
) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """A reference of Sphinx: what it shows, as code unless it shows words."""
    del rawtext, lineno, inliner
    named = _TARGET.match(text)
    shown = named[1] if named and named[1] else (named[2] if named else text)
    if name.rpartition(":")[2] in _WORDS_ROLES:
        return [nodes.inline(shown, shown)], []
    shown = shown.rpartition(".")[2] if shown.startswith("~") else shown.lstrip("!")
    return [nodes.literal(shown, shown)], []


def _bold(text: str) -> nodes.paragraph:
    return nodes.paragraph("", "", nodes.strong(text, text))
