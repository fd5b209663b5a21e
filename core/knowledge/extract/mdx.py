"""Takes out of Markdown what only a site generator understands: comments, directives, components, imports.

Comes in: Markdown. Goes out: Markdown whose code is untouched. Called by `markdown_page`.
"""

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

_FENCE = (
    r"^[ \t>]*(?:[-*+][ \t]+|\d+[.)][ \t]+)?(?P<fence>`{3,}|~{3,})[^\n]*\n(?:[\s\S]*?\n)??[ \t>]*(?P=fence)[`~]*[ \t]*$"
)
_OPEN_FENCE = r"^[ \t]*(?:`{3,}|~{3,})[^\n`]*$[\s\S]*"
_CODE = rf"(?P<code>{_FENCE}|{_OPEN_FENCE}|(?<!`)(?P<ticks>`+)(?!`)(?:[^\n]|\n(?!\s*\n))*?(?<!`)(?P=ticks)(?!`))"
_COMMENT = re.compile(_CODE + r"|(?P<comment><!--[\s\S]*?-->)", re.MULTILINE)
_INDENTED = re.compile(r"(?:^|\n[ \t]*\n)(?:(?: {4}|\t)[^\n]*(?:\n|$))+")
_DIRECTIVE = re.compile(
    _CODE + r"|(?P<directive>^[ \t]*:{3,}[ \t]*(?:\{?(?P<kind>[A-Za-z][\w-]*)\}?(?P<title>[^\n]*))?$)", re.MULTILINE
)
_TOKEN = re.compile(
    _CODE
    + r"|(?P<comment>\{/\*[\s\S]{0,4000}?\*/\})"
    + r"|(?P<esm>^(?:import\s+(?:[\w*{][^;'\"`]*?\sfrom\s+)?['\"][^'\"\n]+['\"];?[ \t]*$|"
    + r"export\s+(?:const|let|var|default|function|async|class|\{|\*)))"
    + r"|</(?P<close>[A-Z][\w.]*)\s*>|<(?P<open>[A-Z][\w.]*)(?=[\s/>])|(?P<fragment></?>)",
    re.MULTILINE,
)
_IMPORT = re.compile(r"^import\s+(?:[\w*{][^;'\"`\n]*?\sfrom\s+)?['\"][^'\"\n]+['\"];?\s*$", re.MULTILINE)
_CLOSING = re.compile(r"^[ \t]*</[A-Z][\w.]*\s*>[ \t]*$", re.MULTILINE)
_NAMED = re.compile(r"\b(?:title|label|summary)\s*=\s*\{?(?P<quote>[\"'`])(?P<text>.+?)(?P=quote)")
_REACH = 8_000
"""Characters within which a tag or a statement has to end; one that never does costs no more."""

_REST_OF_CODE = 200
_PAIRS = {"{": "}", "(": ")", "[": "]"}


@dataclass(frozen=True)
class _Tag:
    """A component's tag in the text; `kind` is open, close or alone."""

    name: str
    kind: str
    start: int
    end: int


def looks_like_mdx(text: str) -> bool:
    """Whether a page that is called Markdown imports components or closes some."""
    prose = re.sub(_CODE, "", text, flags=re.MULTILINE) if _IMPORT.search(text) or _CLOSING.search(text) else ""
    return bool(_IMPORT.search(prose) or _CLOSING.search(prose))


def without_comments(text: str) -> str:
    """The text without HTML comments; a line that held nothing else goes with them."""
    last = text.rfind("-->")
    if last < 0:
        return text
    # what is opened behind the last end is never closed, and looking for its end takes long
    found = _COMMENT.finditer(text, 0, last + _REST_OF_CODE)
    return _cut(text, [(m.start(), m.end()) for m in found if m["comment"] and not _in_code(text, m)])


def _in_code(text: str, found: re.Match[str]) -> bool:
    """Whether a match lies in a block of code that is told only by its indentation."""
    return any(block.start() <= found.start() < block.end() for block in _INDENTED.finditer(text))


def without_directives(text: str) -> str:
    """The text with `:::note Title` made a bold line, and the `:::` that ends it gone."""
    return _DIRECTIVE.sub(_directive, text)


def _directive(found: re.Match[str]) -> str:
    if found["directive"] is None:
        return found[0]
    if not found["kind"]:
        return ""
    title = re.sub(r"\{[^}]*\}", "", found["title"]).strip().strip("[]").strip()
    return f"**{title or found['kind'].capitalize()}**\n"


def without_mdx(text: str) -> str:
    """The text without imports, exports and comments, and with components replaced by their titles and children."""
    cuts: list[tuple[int, int]] = []
    text = without_comments(text)
    for found in _TOKEN.finditer(text):
        if found["comment"]:
            cuts.append((found.start(), found.end()))
        elif found["esm"] and (not cuts or cuts[-1][1] <= found.start()):
            ends = found.end() if found["esm"].startswith("import") else _end_of_statement(text, found.end())
            cuts.append((found.start(), ends))
    return _flat(_cut(text, cuts)).strip("\n") + "\n"


def _cut(text: str, spans: list[tuple[int, int]]) -> str:
    """The text without the spans; lines that consist of nothing else go as a whole."""
    parts: list[str] = []
    done = 0
    for start, end in spans:
        line_start = text.rfind("\n", 0, start) + 1
        line_end = text.find("\n", end)
        line_end = len(text) if line_end < 0 else line_end + 1
        alone = not text[line_start:start].strip() and not text[end:line_end].strip()
        parts.append(text[done : max(done, line_start) if alone else start])
        done = line_end if alone else end
    return "".join(parts) + text[done:]


def _flat(text: str) -> str:
    """The text with each component replaced by its title and its children, moved to where the component stood."""
    tags = list(_tags(text))
    parts: list[str] = []
    done = 0
    for index, tag in enumerate(tags):
        if tag.start < done:
            continue
        line_start = text.rfind("\n", 0, tag.start) + 1
        before = text[line_start : tag.start]
        parts.append(text[done : tag.start])
        close = _closing(tags, index)
        title = _title(text[tag.start : tag.end]) if tag.kind != "close" else ""
        inner = text[tag.end : close.start] if close else ""
        done = close.end if close else tag.end
        if "\n" not in inner:
            parts.append((f"**{title}** " if title and inner.strip() else title) + _flat(inner) if inner else title)
            continue
        if not before.strip():
            parts[-1] = parts[-1].removesuffix(before)
        parts.append(_children(title, inner, before if not before.strip() else ""))
    return "".join(parts) + text[done:] if done else text


def _children(title: str, inner: str, indent: str) -> str:
    block = textwrap.dedent(_flat(inner).rstrip())
    body = block.strip("\n")
    shown = f"**{title}**\n\n{body}" if title else body
    return textwrap.indent(f"\n{shown}\n", indent, lambda line: bool(line.strip()))


def _closing(tags: list[_Tag], index: int) -> _Tag | None:
    """The tag that closes the one at `index`."""
    if tags[index].kind != "open":
        return None
    depth = 0
    for tag in tags[index:]:
        if tag.name == tags[index].name:
            depth += {"open": 1, "close": -1, "alone": 0}[tag.kind]
        if depth == 0:
            return tag
    return None


def _tags(text: str) -> list[_Tag]:
    tags: list[_Tag] = []
    for found in _TOKEN.finditer(text):
        if tags and found.start() < tags[-1].end:
            continue
        if found["close"]:
            tags.append(_Tag(found["close"], "close", found.start(), found.end()))
        elif found["open"]:
            end = _balanced(text, found.end(), lambda character: character == ">")
            kind = "alone" if text[:end].endswith("/>") else "open"
            tags.append(_Tag(found["open"], kind, found.start(), end))
        elif found["fragment"]:
            tags.append(_Tag("", "alone", found.start(), found.end()))
    return tags


def _title(tag: str) -> str:
    named = _NAMED.search(tag)
    return named["text"].strip() if named else ""


def _end_of_statement(text: str, start: int) -> int:
    return _balanced(text, start, lambda character: character == "\n") - 1


def _balanced(text: str, start: int, is_end: Callable[[str], bool]) -> int:
    """The position after the first character that ends something and stands outside of quotes and brackets."""
    open_: list[str] = []
    quote = ""
    for position in range(start, min(start + _REACH, len(text))):
        character = text[position]
        if quote:
            quote = "" if character == quote and text[position - 1] != "\\" else quote
        elif character in "\"'`":
            quote = character
        elif character in _PAIRS:
            open_.append(_PAIRS[character])
        elif open_ and character == open_[-1]:
            open_.pop()
        elif not open_ and is_end(character):
            return position + 1
    return min(start + 1, len(text))
