"""Cuts long Markdown into messages that a platform takes, without tearing fenced code, a table or a character.

Comes in: Markdown, a limit, and how a platform counts. Goes out: parts, none over the limit. The parts' texts joined
are the text that came in; what is shown of a part may have lines around that text: a fence that has to be cut is closed
in one part and opened again, with its language, in the next, and a table that goes on has its header again. Pure;
called by both renderers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import regex

from bot.markdown_blocks import Block, Kind, blocks

INDENT_LIMIT = 60
"""Spaces that are shown at the start of a part."""

CLOSING_LIMIT = 30
"""Room that is kept for the line with which fenced code was closed in the text."""

GUARD = "\u200b"
"""Stands before the rest of a torn line that would be read as a fence."""

LEAST_ROOM = 8
"""With less of it, a part is full."""

_TRIES = 8
"""Spaces with a combining mark behind them that are passed over before a word is torn."""

_CLUSTER = regex.compile(r"\X")


@dataclass(frozen=True)
class Part:
    """A piece of a text, and the lines that were added around it."""

    text: str
    """As it stands in the original, white space included."""

    before: str = ""
    after: str = ""

    @property
    def shown(self) -> str:
        """What is posted: no blank lines at its start, no white space at its end, and what was added around it."""
        return f"{self.before}{_trimmed(self.text)}{self.after}"


def split_markdown(text: str, limit: int, size: Callable[[str], int] = len) -> list[Part]:
    """The parts of `text`, each of which shows at most `limit` (200 or more) by `size`, and is never blank.

    White space goes with its neighbour. A text of nothing else has no parts; of any other, the parts' texts joined are
    the text. `size` says at most of two texts joined what it says of each in sum, as all counts of characters do.
    """
    packer = _Packer(limit, size)
    for block in blocks(text):
        packer.take(block)
    return packer.finished()


def utf16(text: str) -> int:
    """How long a text is for platforms that count in UTF-16, where an emoji is two or more."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True)
class _Frame:
    """What a text that has to be torn stands in, and what each of its pieces needs for that."""

    before: str = ""
    after: str = ""
    lead: str = ""
    """Stands before the rest of a torn line."""

    reserve: int = 0
    """Room to leave at a part's end."""

    floor: int = 0
    """Characters at the start that are not cut at a line: a fence's opening, which is nothing without code."""

    entered: bool = False
    """Whether the first piece is in the frame already."""


class _Packer:
    """Fills one part after the other, whole blocks where it can."""

    def __init__(self, limit: int, size: Callable[[str], int]) -> None:
        self._limit = limit
        self._size = size
        self._parts: list[Part] = []
        self._kept: list[str] = []
        self._before = ""
        self._used = 0
        self._fresh = True
        """Whether the part that is being filled shows nothing yet."""
        self._headings = ""
        """Wait for the block below, to stand in the same part."""
        self._owed = ""
        """The end of a fence that the text left open."""

    def finished(self) -> list[Part]:
        self._add_headings()
        self._cut(self._owed)
        return self._parts

    def take(self, block: Block) -> None:
        text = block.text
        if text.isspace():
            self._kept.append(text)
        elif block.kind is Kind.HEADING and self._size(self._headings) + self._size(text) <= self._limit // 4:
            self._headings += text
        else:
            self._owed = block.fence.closing if block.fence and block.end is None else ""
            self._place(block, text)

    def _place(self, block: Block, text: str) -> None:
        headed = self._headings + text
        if self._fits(headed):
            self._headings = ""
            self._add(headed)
        elif self._fits_alone(headed):
            self._headings = ""
            self._cut()
            self._add(headed)
        elif self._fits_alone(text):
            self._add_headings()
            self._cut()
            self._add(text)
        else:
            if self._limit - self._used < self._limit // 2:
                self._cut()
            self._add_headings()
            self._tear(block)

    def _tear(self, block: Block) -> None:
        if block.kind is Kind.FENCE:
            self._tear_fence(block)
        elif block.kind is Kind.TABLE:
            self._tear_table(block)
        else:
            self._fill(block.text, _Frame())

    def _tear_fence(self, block: Block) -> None:
        fence = block.fence
        assert fence  # noqa: S101 - blocks of this kind have one
        opening = block.lines[0]
        code = "".join(block.lines[: block.end])
        closing = "" if block.end is None else "".join(block.lines[block.end :])
        frame = _Frame(
            fence.opening,
            fence.closing,
            fence.lead if fence.quoted else "",
            max(self._size(fence.closing), min(self._size(closing.rstrip()) + 1, CLOSING_LIMIT)),
            len(opening) if self._size(opening) < self._limit // 4 else 0,
        )
        self._fill(code, frame)
        if not closing.strip() or self._fits(closing):
            self._add(closing)
        else:
            self._cut(frame.after, frame.before)
            self._fill(closing, _Frame(entered=True))

    def _tear_table(self, block: Block) -> None:
        """Between rows. A row that no part could hold is torn like text, and so is all under such a header."""
        header = "".join(f"{line.rstrip()}\n" for line in block.lines[:2])
        if self._size(header) > self._limit // 2:
            self._fill(block.text, _Frame())
            return
        frame = _Frame(header, entered=True)
        longest = self._limit - self._size(header) - self._size(GUARD)
        rows = block.lines[2:]
        if not self._fits("".join(block.lines[:3])):
            self._cut()
        self._add("".join(block.lines[:2]))
        torn = False
        for too_long, run in groupby(rows, key=lambda row: self._size(_trimmed(row)) > longest):
            text = "".join(run)
            if torn and text.strip():
                self._cut(before=header)
            self._fill(text, _Frame(entered=True) if too_long else frame)
            torn = too_long

    def _fill(self, text: str, frame: _Frame) -> None:
        """Adds a text that need not fit, in as many parts as it takes."""
        if text.isspace():
            self._add(text)
            return
        at = 0
        while at < len(text):
            cut = self._cut_in(text, at, frame)
            self._add(text[at:cut])
            if cut < len(text):
                if cut > 0 or frame.entered:
                    self._cut(frame.after, self._before_rest(text, cut, frame))
                else:
                    self._cut()
            at = cut

    @staticmethod
    def _before_rest(text: str, at: int, frame: _Frame) -> str:
        if at == 0 or text[at - 1] == "\n":
            return frame.before
        guard = GUARD if text.startswith(("```", "~~~"), at) else ""
        return f"{frame.before}{frame.lead}{guard}"

    def _cut_in(self, text: str, at: int, frame: _Frame) -> int:
        """Where the piece ends that goes into this part; `at` itself if the next part should have it.

        At the end of a line or else of a word, when what would be torn there has room in the next part or when this
        part is half full by then; or else between two characters.
        """
        start = at + _unshown(text[at : at + self._limit]) if self._fresh else at
        room = self._limit - self._used - frame.reserve
        if not self._fresh and room < (LEAST_ROOM if frame.entered else self._limit // 4):
            return at
        reached = self._reached(text, start, room)
        if not text[reached : reached + 1] or _blank_until_end(text, reached):
            return len(text)
        whole = self._limit - self._size(frame.before + frame.lead + GUARD) - frame.reserve
        floor = frame.floor if at == 0 else 0
        if floor and not self._fresh and text.find("\n", floor, reached + 1) < 0:
            return at
        for end, separators in ((_line_end(text, at + floor, reached), "\n"), (_word_end(text, at, reached), None)):
            cut = max(end, at)
            if cut - at > floor and cut - at >= (reached - at) // 2:
                return cut
            movable = cut - at > floor or (cut == at and not self._fresh)
            if movable and self._has_room(_unit(text, cut, whole, separators), whole):
                return cut
        return self._character_end(text, start, reached, at)

    def _character_end(self, text: str, start: int, reached: int, at: int) -> int:
        if text[reached - 1].isascii() and text[reached].isascii():
            return reached
        cluster = 0
        for found in _CLUSTER.finditer(text, start, reached + 1):
            cluster = found.start()
        if cluster > start:
            return cluster
        return reached if self._fresh else at

    def _reached(self, text: str, start: int, room: int) -> int:
        """How far one comes with so much room, by at least a character."""
        low, high = start + 1, min(start + max(room, 1), len(text))
        if self._size(text[start:high]) <= room:
            return high
        while low < high:
            middle = (low + high + 1) // 2
            if self._size(text[start:middle]) <= room:
                low = middle
            else:
                high = middle - 1
        return low

    def _has_room(self, unit: str | None, room: int) -> bool:
        return unit is not None and self._size(unit) <= room

    def _fits(self, text: str) -> bool:
        if self._fresh:
            text = _trimmed(text)
        return self._used + self._size(text.rstrip()) + self._size(self._owed) <= self._limit

    def _fits_alone(self, text: str) -> bool:
        return self._size(_trimmed(text)) + self._size(self._owed) <= self._limit

    def _add_headings(self) -> None:
        text, self._headings = self._headings, ""
        if text and not self._fits(text):
            self._cut()
        self._add(text)

    def _add(self, text: str) -> None:
        if not text:
            return
        self._kept.append(text)
        if self._fresh and not text.isspace():
            self._used += self._size(text[_unshown(text) :])
            self._fresh = False
        elif not self._fresh:
            self._used += self._size(text)

    def _cut(self, after: str = "", before: str = "") -> None:
        """Ends the part, if there is anything in it, and begins the next."""
        if not self._fresh:
            self._parts.append(Part("".join(self._kept), self._before, after))
            self._kept = []
            self._fresh = True
        self._before = before
        self._used = self._size(before)


def _trimmed(text: str) -> str:
    return text[_unshown(text) :].rstrip()


def _unshown(text: str) -> int:
    """How much of a part's start is not shown: blank lines, and indentation beyond any use."""
    spaces = len(text) - len(text.lstrip())
    line = text.rfind("\n", 0, spaces) + 1
    return line if spaces - line <= INDENT_LIMIT else spaces


def _blank_until_end(text: str, at: int) -> bool:
    return text[at].isspace() and _after_space(text, at) == len(text)


def _after_space(text: str, at: int) -> int:
    """Where the white space ends that begins at a place."""
    step = 64
    while at < len(text):
        piece = text[at : at + step]
        rest = len(piece.lstrip())
        at += len(piece) - rest
        if rest:
            break
        step *= 2
    return at


def _after_break(text: str, at: int) -> int:
    """Where the next word or line begins behind white space; a line begins with its indentation."""
    end = _after_space(text, at)
    line = text.rfind("\n", at, end) + 1
    return line if line and end - line <= INDENT_LIMIT else end


def _line_end(text: str, start: int, reached: int) -> int:
    """Where the last line ends that is whole by then, blank lines after it included; -1 if there is none."""
    found = text.rfind("\n", start, reached + 1)
    if found < 0 or text[start:found].isspace():
        return -1
    return _after_break(text, found)


def _word_end(text: str, start: int, reached: int) -> int:
    """Where the last word ends that is whole by then, the space after it included; -1 if there is none."""
    stop = reached + 1
    for _ in range(_TRIES):
        if text[stop - 1].isspace():
            words = text[start:stop].rstrip()
        else:
            words, *more = text[start:stop].rsplit(None, 1) or [""]
            words = words if more else ""
        if not words.strip():
            return -1
        stop = start + len(words)
        end = _after_break(text, stop)
        if (found := _CLUSTER.match(text, end - 1)) and found.end() == end:
            return end
    return -1


def _unit(text: str, at: int, limit: int, separator: str | None) -> str | None:
    """The line or the word that begins at a place; None if it is longer than the limit in any case."""
    piece = text[at : at + limit + INDENT_LIMIT + 1]
    unit = (piece.split(separator, 1) or [""])[0]
    return _trimmed(unit) if len(unit) < len(piece) or at + len(piece) == len(text) else None
