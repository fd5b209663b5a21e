"""Reads Markdown as blocks: fenced code, tables, headings, and everything else.

Comes in: Markdown. Goes out: its blocks in order; their lines joined again are the same text. Pure; called by
splitting.py, which does not tear blocks, and by markdown_tables.py, which writes tables differently.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

LEAD_LIMIT, MARKS_LIMIT, LANGUAGE_LIMIT = 12, 16, 20
"""Characters of an opening fence that are repeated; a line with more marks is no fence: no message could hold it."""

INDENTED_CODE = 4
"""Columns from which a line outside of a list is code as it stands."""

_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_LIST_MARKER = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]")
_HEADING = re.compile(r" {0,3}#{1,6}(?:\s|$)")
_OPENING = re.compile(
    r"(?P<lead>(?:[ \t]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++|>))*+[ \t]*+)(?P<marks>`{3,}+|~{3,}+)(?P<info>[^\n]*)"
)
_LANGUAGE = re.compile(rf"[!-_a-~]{{1,{LANGUAGE_LIMIT}}}")
_QUOTE = re.compile(r"[ \t]*(?:>[ \t]?)*")
_DELIMITER = re.compile(r"\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?")
_NO_SPACE = re.compile(r"[^ \t>]")
_TICKS = re.compile("`+")
_TICKS_OR_ESCAPE = re.compile(r"\\.|`+")
_BAR = re.compile(r"\\.|\|")


class Kind(Enum):
    """What a block is."""

    TEXT = auto()
    HEADING = auto()
    FENCE = auto()
    TABLE = auto()


@dataclass(frozen=True)
class Fence:
    """The opening line of fenced code, as far as it has to be repeated to go on with the code elsewhere."""

    lead: str
    """Indentation and quote marks before the fence; of a list marker, its width."""

    marks: str
    language: str
    listed: bool
    """Whether it may stand in a list, where indentation is no sign of indented code."""

    @property
    def opening(self) -> str:
        """The line that opens the code again."""
        return f"{self.lead}{self.marks}{self.language}\n"

    @property
    def closing(self) -> str:
        """The line that closes the code."""
        return f"\n{self.lead}{self.marks}"

    @property
    def quoted(self) -> bool:
        """Whether the fence stands in a quote, which ends it when it ends."""
        return ">" in self.lead

    def is_closed_by(self, line: str) -> bool:
        """Whether a line is this fence's end: at least as many of its marks, and nothing behind them."""
        if self.marks not in line:
            return False
        lead = found[0] if self.quoted and (found := _QUOTE.match(line)) else ""
        marks = line[len(lead) :].strip()
        if marks != self.marks[0] * len(marks):
            return False
        return self.quoted or self.listed or _indentation(line) < INDENTED_CODE


@dataclass
class Block:
    """Lines that belong together, with the blank lines after them."""

    kind: Kind
    lines: list[str]
    fence: Fence | None = None
    end: int | None = None
    """Of fenced code, which line closes it; None while nothing does."""

    @property
    def text(self) -> str:
        """The block as it was written."""
        return "".join(self.lines)


def blocks(text: str) -> list[Block]:
    """The blocks of a text. Blank lines belong to the block above; at the very start, they are a block of text."""
    return _Reader(text).read()


def cells(row: str, columns: int | None = None) -> list[str]:
    """The cells of a table's row; a bar does not part them when it is escaped or in inline code.

    GitHub parts cells inside of inline code too; a row that has as many `columns` as its table only so is read so.
    """
    text = row.strip()
    if "`" not in text and "\\" not in text:
        return [cell.strip() for cell in text.removeprefix("|").removesuffix("|").split("|")]
    read = _cut_at(text, _bars(text, inline_code(text)))
    if columns is not None and len(read) != columns and "`" in text:
        plain = _cut_at(text, _bars(text, []))
        return plain if len(plain) == columns else read
    return read


def inline_code(text: str) -> list[tuple[int, int]]:
    """Where inline code begins and ends in a line, backticks included."""
    if "`" not in text:
        return []
    ends = _code_ends(text)
    spans: list[tuple[int, int]] = []
    at = 0
    while found := _TICKS_OR_ESCAPE.search(text, at):
        at = found.end()
        if found.start() in ends:
            at = ends[found.start()]
            spans.append((found.start(), at))
    return spans


class _Reader:
    """Goes through the lines once; each joins the last block or begins one."""

    def __init__(self, text: str) -> None:
        self._lines: list[str] = _LINES.findall(text)
        self._at = 0
        self._found: list[Block] = []
        self._joins = False
        """Whether a line of text goes on with the last block: it is text, and no blank line came since."""
        self._listed = False

    def read(self) -> list[Block]:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line.isspace():
                self._take_blank(line)
            elif not self._take_fence(line) and not self._take_table(line):
                self._take_text(line)
        return self._found

    def _take_blank(self, line: str) -> None:
        if self._found:
            self._found[-1].lines.append(line)
        else:
            self._found.append(Block(Kind.TEXT, [line]))
        self._joins = False
        self._at += 1

    def _take_text(self, line: str) -> None:
        heading = _HEADING.match(line) is not None
        if _LIST_MARKER.match(line):
            self._listed = True
        elif heading or (not self._joins and not line[0].isspace()):
            self._listed = False
        if self._joins and not heading:
            self._found[-1].lines.append(line)
        else:
            self._found.append(Block(Kind.HEADING if heading else Kind.TEXT, [line]))
        self._joins = not heading
        self._at += 1

    def _take_fence(self, line: str) -> bool:
        fence = _opened(line, listed=self._listed)
        if not fence:
            return False
        if _LIST_MARKER.match(line):
            self._listed = True
        block = Block(Kind.FENCE, [line], fence)
        self._found.append(block)
        self._joins = False
        self._at += 1
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if fence.quoted and not line.lstrip().startswith(">"):
                block.end = len(block.lines)
                break
            block.lines.append(line)
            self._at += 1
            if fence.is_closed_by(line):
                block.end = len(block.lines) - 1
                break
        return True

    def _take_table(self, line: str) -> bool:
        """Whether this line makes the line above the header of a table; then the rows below are taken as well."""
        if not self._joins or not self._delimits(line, self._found[-1].lines[-1]):
            return False
        header = self._found[-1].lines.pop()
        if not self._found[-1].lines:
            self._found.pop()
        block = Block(Kind.TABLE, [header, line])
        self._found.append(block)
        self._joins = False
        self._at += 1
        while self._at < len(self._lines) and self._is_row(self._lines[self._at]):
            block.lines.append(self._lines[self._at])
            self._at += 1
        return True

    def _delimits(self, line: str, above: str) -> bool:
        words = line.strip()
        if words[0] not in "|:-" or not _has_bar(above) or not _DELIMITER.fullmatch(words):
            return False
        if "|" not in words or _LIST_MARKER.match(above) or above.lstrip().startswith(">"):
            return False
        if not self._listed and max(_indentation(line), _indentation(above)) >= INDENTED_CODE:
            return False
        columns = len(cells(line))
        return len(cells(above, columns)) == columns

    def _is_row(self, line: str) -> bool:
        if line.isspace() or not _has_bar(line) or line.lstrip().startswith(">"):
            return False
        return not (_LIST_MARKER.match(line) or _HEADING.match(line) or _opened(line, listed=self._listed))


def _opened(line: str, *, listed: bool) -> Fence | None:
    """The fence that a line opens."""
    if "```" not in line and "~~~" not in line:
        return None
    found = _OPENING.match(line)
    if not found or len(found["marks"]) > MARKS_LIMIT or ("`" in found["marks"] and "`" in found["info"]):
        return None
    lead = found["lead"]
    if lead.isspace() and not listed and _indentation(line) >= INDENTED_CODE:
        return None
    marked = _LIST_MARKER.match(lead) is not None
    lead = _NO_SPACE.sub(" ", lead)[:LEAD_LIMIT]
    word = found["info"].split()[:1]
    language = word[0] if word and _LANGUAGE.fullmatch(word[0]) else ""
    return Fence(lead, found["marks"], language, listed or marked)


def _indentation(line: str) -> int:
    """The columns before a line's first word."""
    return len(line[: len(line) - len(line.lstrip(" \t"))].expandtabs(INDENTED_CODE))


def _has_bar(line: str) -> bool:
    return "|" in line and "|" in line.replace("\\|", "")


def _bars(text: str, code: list[tuple[int, int]]) -> list[int]:
    """Where the bars of a row are that part its cells."""
    pieces: list[str] = []
    at = 0
    for start, end in code:
        pieces += [text[at:start], "`" * (end - start)]
        at = end
    masked = "".join([*pieces, text[at:]])
    return [found.start() for found in _BAR.finditer(masked) if found[0] == "|"]


def _code_ends(text: str) -> dict[int, int]:
    """Where inline code ends that begins at a place: behind the next run of as many backticks."""
    ends: dict[int, int] = {}
    nearest: dict[int, int] = {}
    for run in reversed(list(_TICKS.finditer(text))):
        length = len(run[0])
        if length in nearest:
            ends[run.start()] = nearest[length]
        nearest[length] = run.end()
    return ends


def _cut_at(text: str, bars: list[int]) -> list[str]:
    starts = [0, *(bar + 1 for bar in bars)]
    found = [text[start:end].strip() for start, end in zip(starts, [*bars, len(text)], strict=True)]
    if bars and bars[0] == 0:
        del found[0]
    if bars and bars[-1] == len(text) - 1:
        del found[-1]
    return found
