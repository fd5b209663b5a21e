"""An answer's Markdown, taken apart into blocks and sentences and put together again.

Comes in: Markdown as language models write it. Goes out: blocks whose texts join to exactly what came in. Pure. Called
by `core.answering.grounding.support`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto


class Kind(Enum):
    """What a block is."""

    PROSE = auto()
    ITEM = auto()
    ROW = auto()
    CODE = auto()
    HEADING = auto()
    TABLE_HEAD = auto()
    BLANK = auto()
    OTHER = auto()


_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FENCE = re.compile(r"(?:[ \t>]|[-*+] |\d{1,3}[.)] )*(`{3,}(?=[^`\n]*$)|~{3,})")
_BULLET = r"(?:[-*+]|\d{1,3}[.)])(?:[ \t]+|(?=\n|\Z))(?:\[[ xX]\][ \t]+)?"
_PREFIX = re.compile(rf"[ \t]*(?:>[ \t]?)*(?:{_BULLET})?")
_HEADING = re.compile(r" {0,3}#{1,6}(?:\s|$)|\*\*(?:[^*\n.!?]|[.!?](?![\s*]))+\*\*:?\s*$")
_OTHER = re.compile(r"[ \t]*(?:(?:[-*_][ \t]*){3,}|={3,})$| {0,3}\[[^\]\n]+\]:[^\n]*")
_RULED = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t:\-]*)+$")
_LITERAL = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)|\]\([^)\s]{0,500}\)|<https?://[^>\s]{0,500}>", re.DOTALL)
_END = re.compile(
    r"(?<![.!?…])[.!?…]+[\"'\u201d\u2019)*_]*(?:[ \t]*\[\d+\])*\s+(?!\d{1,3}[.)]\s)(?=[^\s\-+>#~|=`*]|`(?!``)|\*(?!\s))"
)
"""The end of a sentence, before what a line may begin with without becoming another block."""

_SHORTENED = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|resp|incl|no|fig)|\A\d+)$", re.IGNORECASE)


LONGEST_SHORTENED = 8
"""Characters that are looked at for an abbreviation."""


@dataclass(frozen=True)
class Block:
    """A heading, a paragraph, an item of a list, a row of a table, a fence with its code, or what stands between.

    `prefix` is its indentation, quote mark and bullet; each of `sentences` carries the white space that follows it;
    `end` is the end of its line. `closed` is False for a fence that never ends.
    """

    kind: Kind
    prefix: str
    sentences: tuple[str, ...]
    end: str
    closed: bool = True

    @property
    def text(self) -> str:
        """The block as it was written."""
        return self.prefix + "".join(self.sentences) + self.end

    def saying(self, sentences: Iterable[str]) -> "Block":
        """The same block with other sentences."""
        return replace(self, sentences=tuple(sentences))

    @property
    def introduces(self) -> bool:
        """Whether its last sentence ends with a colon, and so speaks of what comes next."""
        return bool(self.sentences) and self.kind is not Kind.CODE and announces(self.sentences[-1])

    @property
    def indent(self) -> int:
        """Columns before its first mark or word."""
        text = self.text
        return len(text) - len(text.lstrip(" \t"))

    @property
    def level(self) -> int:
        """Of a heading, 1 to 6; 7 for a line in bold that serves as one."""
        return len(self.prefix) - len(self.prefix.lstrip().lstrip("#")) - self.indent or 7


def announces(sentence: str) -> bool:
    """Whether a sentence ends with a colon."""
    return sentence.rstrip().rstrip("*_").rstrip().endswith(":")


def blocks(markdown: str) -> list[Block]:
    """The blocks of a text; their texts join to it."""
    lines = _LINE.findall(markdown)
    found: list[Block] = []
    at = 0
    while at < len(lines):
        size, block = _next(lines, at, found[-1] if found else None)
        if block is None:
            found[-1] = _longer(found[-1], lines[at])
        else:
            found.append(block)
        at += size
    return [_split(block) for block in found]


def _next(lines: Sequence[str], at: int, before: Block | None) -> tuple[int, Block | None]:
    """How many lines the next block takes, and the block; none when its line goes on with the block before."""
    line = lines[at]
    if fence := _FENCE.match(line):
        size, closed = _fenced(lines, at, fence.group(1))
        return size, Block(Kind.CODE, "", ("".join(lines[at : at + size]),), "", closed)
    if not line.strip():
        return 1, Block(Kind.BLANK, "", (), line)
    if kind := _line_kind(line, lines[at + 1] if at + 1 < len(lines) else ""):
        return 1, _line_block(kind, line)
    body = _PREFIX.sub("", line, count=1)
    prefix = line[: len(line) - len(body)]
    marks = prefix.strip()
    goes_on = before is not None and before.kind in {Kind.PROSE, Kind.ITEM} and bool(before.end)
    if goes_on and before and (not marks or marks == before.prefix.strip() == ">"):
        return 1, None
    kind = Kind.ITEM if marks.strip("> \t") else Kind.PROSE
    return 1, Block(kind, prefix, (body.rstrip("\n"),), "\n" * body.endswith("\n"))


def _fenced(lines: Sequence[str], at: int, mark: str) -> tuple[int, bool]:
    for size, line in enumerate(lines[at + 1 :], 2):
        bare = line.strip(" \t\r\n>")
        if len(bare) >= len(mark) and not bare.strip(mark[0]):
            return size, True
    return len(lines) - at, False


def _line_kind(line: str, following: str) -> Kind | None:
    """The kind of a block that is one line by its nature."""
    if line.lstrip().startswith("|"):
        ruled = _RULED.match(line) or _RULED.match(following)
        return Kind.TABLE_HEAD if ruled else Kind.ROW
    if _HEADING.match(line):
        return Kind.HEADING
    return Kind.OTHER if _OTHER.match(line) else None


def _line_block(kind: Kind, line: str) -> Block:
    if kind is not Kind.ROW:
        return Block(kind, line.rstrip("\n"), (), "\n" * line.endswith("\n"))
    body = line.rstrip()
    cut = len(body) - body.endswith("|")
    return Block(kind, "", (body[:cut].rstrip(),), line[len(body[:cut].rstrip()) :])


def _longer(block: Block, line: str) -> Block:
    body = block.sentences[0] + block.end + line.rstrip("\n")
    return Block(block.kind, block.prefix, (body,), "\n" * line.endswith("\n"))


def _split(block: Block) -> Block:
    if block.kind not in {Kind.PROSE, Kind.ITEM}:
        return block
    return Block(block.kind, block.prefix, tuple(sentences(block.sentences[0])), block.end)


def sentences(text: str) -> Iterator[str]:
    """The sentences of a paragraph, each with the markers and the white space behind it."""
    masked = _LITERAL.sub(lambda literal: "\0" * len(literal.group()), text)
    start = 0
    for end in _END.finditer(masked):
        before = masked[max(start, end.start() - LONGEST_SHORTENED) : end.start()]
        goes_on = masked[end.end()].islower() and masked[end.end()] == text[end.end()]
        if goes_on or _SHORTENED.search(before) or masked.count("**", start, end.end()) % 2:
            continue
        yield text[start : end.end()]
        start = end.end()
    yield text[start:]
