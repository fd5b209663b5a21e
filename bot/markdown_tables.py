"""Writes the tables of Markdown for platforms that draw none.

Comes in: Markdown, and how wide a line of code may be. Goes out: the Markdown with its tables as aligned columns in a
code block, or, where they are too wide for that, as lists. Pure; called by Discord's renderer.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from unicodedata import category, east_asian_width

import regex

from bot.markdown_blocks import Block, Kind, blocks, cells, inline_code

GAP = "  "
"""Between two columns."""

_EMPHASIS = re.compile(r"\*\*|(?<!\w)__(?=\S)|(?<=\S)__(?!\w)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_BREAK = re.compile(r"<br\s{0,8}/?>", re.IGNORECASE)
_LINK = re.compile(r"\]\(|https?://")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CLUSTER = regex.compile(r"\X")
_REGIONAL = range(0x1F1E6, 0x1F200)
_NO_WIDTH = {"Cc", "Cf", "Me", "Mn"}
_AS_EMOJI = "\ufe0f"


@dataclass(frozen=True)
class Table:
    """A table's cells as Markdown; rows may have fewer of them than there are headers, or more."""

    headers: tuple[str, ...]
    to_the_right: tuple[bool, ...]
    """Which columns are aligned to the right, as numbers are."""

    rows: tuple[tuple[str, ...], ...]


def tables_as_columns_or_lists(text: str, width: int = 56) -> str:
    """The text with each table as columns in a code block if they fit into `width`, else as a list of its rows.

    A table with links becomes a list too, for there are no links in code. What is not a table stays as it is.
    """
    found = blocks(text)
    written: list[str] = []
    for number, block in enumerate(found):
        if block.kind is Kind.TABLE:
            crowded = number > 0 and not found[number - 1].lines[-1].isspace()
            written.append(_written(block, width, crowded=crowded, followed=number + 1 < len(found)))
        else:
            written.append(block.text)
    return "".join(written)


def table_of(block: Block) -> Table:
    """The cells of a block that is a table."""
    header, delimiter, *rows = [line for line in block.lines if not line.isspace()]
    marks = cells(delimiter)
    return Table(
        tuple(cells(header, len(marks))),
        tuple(mark.endswith(":") and not mark.startswith(":") for mark in marks),
        tuple(tuple(cells(row, len(marks))) for row in rows),
    )


def display_width(text: str) -> int:
    """How many columns a text takes in a fixed-width font: wide characters and emoji two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_cluster_width(found[0]) for found in _CLUSTER.finditer(text))


def _cluster_width(cluster: str) -> int:
    if all(category(sign) in _NO_WIDTH for sign in cluster):
        return 0
    flag = len(cluster) > 1 and ord(cluster[0]) in _REGIONAL
    wide = flag or _AS_EMOJI in cluster or any(east_asian_width(sign) in "WF" for sign in cluster)
    return 2 if wide else 1


def _written(block: Block, width: int, *, crowded: bool, followed: bool) -> str:
    """A table's block written anew; a list needs blank lines where text stands right above or below."""
    table = table_of(block)
    first = block.lines[0]
    indent = first[: len(first) - len(first.lstrip())]
    last = max(number for number, line in enumerate(block.lines) if not line.isspace())
    blank = "".join(block.lines[last + 1 :])
    end = "\n" if block.lines[last].endswith("\n") else ""
    lines = _columns(table, width)
    if lines is None:
        lines = _list(table)
        if crowded:
            lines.insert(0, "")
        if followed and not blank:
            blank = "\n"
    return "\n".join(f"{indent}{line}" if line else "" for line in lines) + end + blank


def _columns(table: Table, width: int) -> list[str] | None:
    """The table in a code block; None if it does not fit or says what code cannot."""
    rows = [table.headers, *table.rows]
    if any(len(cell) > 4 * width + 80 or "```" in cell or _LINK.search(cell) for row in rows for cell in row):
        return None
    plain = [[_plain(cell) for cell in row] for row in rows]
    widths = [
        max(display_width(row[column]) for row in plain if column < len(row)) for column in range(max(map(len, plain)))
    ]
    if sum(widths) + len(GAP) * (len(widths) - 1) > width:
        return None
    right = [*table.to_the_right, *[False] * len(widths)]
    lines: list[str] = []
    for row in plain:
        padded: list[str] = []
        for column, cell in enumerate(row):
            space = " " * (widths[column] - display_width(cell))
            padded.append(f"{space}{cell}" if right[column] else f"{cell}{space}")
        lines.append(GAP.join(padded).rstrip())
    return ["```", *lines, "```"]


def _list(table: Table) -> list[str]:
    """A bullet for each row, with its first cell; the other cells under it, each with its header."""
    headers = [_outside_a_table(header).replace("**", "") for header in table.headers]
    if not table.rows:
        return [f"- {header}" for header in headers if header] or ["-"]
    lines: list[str] = []
    for row in table.rows:
        first, *others = [_outside_a_table(cell) for cell in row] or [""]
        named = [
            f"{header}: {cell}" if header else cell
            for header, cell in zip([*headers[1:], *[""] * len(others)], others, strict=False)
            if cell
        ]
        top, *below = [_bold(first), *named] if first else named or ["-"]
        lines += [f"- {top}", *(f"  - {line}" for line in below)]
    return lines


def _bold(cell: str) -> str:
    words = _by_code(cell, str, lambda text: text.replace("**", ""))
    return cell if words.endswith("\\") or not words.strip("*") else f"**{words}**"


def _outside_a_table(cell: str) -> str:
    """A cell's Markdown where bars in code need no escape and no line breaks are written as HTML."""
    return _by_code(cell, lambda code: code.replace("\\|", "|"), lambda text: _BREAK.sub(" ", text))


def _plain(cell: str) -> str:
    """A cell's text without its marks."""
    if cell.isalnum():
        return cell
    text = _by_code(
        _outside_a_table(cell),
        lambda code: code.strip("`").strip(" "),
        lambda text: _ESCAPED.sub(r"\1", _EMPHASIS.sub("", text)),
    )
    return _UNSEEN.sub(" ", text)


def _by_code(cell: str, in_code: Callable[[str], str], elsewhere: Callable[[str], str]) -> str:
    """A cell with its inline code changed in one way and the rest in another."""
    if "`" not in cell:
        return elsewhere(cell)
    pieces: list[str] = []
    at = 0
    for start, end in inline_code(cell):
        pieces += [elsewhere(cell[at:start]), in_code(cell[start:end])]
        at = end
    return "".join([*pieces, elsewhere(cell[at:])])
