"""Lays the cells of an HTML table out as a pipe table.

Comes in: a table and the Markdown of its cells. Goes out: lines. Called by `writing`.
"""

from typing import Any

_WIDEST = 40
_SPANS = 200
"""How far one cell may reach; what a page asks for beyond is a mistake or an attack."""


def table_lines(table: Any, cells: dict[int, str]) -> list[str]:
    """The lines of a table. A cell over several rows is said in each; one over several columns leaves them empty."""
    rows = [row for row in table.find_all("tr") if row.find_parent("table") is table]
    grid = _grid(rows, cells)
    width = max((len(row) for row in grid), default=0)
    if not width:
        return []
    if not _is_header(rows[0]):
        grid.insert(0, [])
    header, *body = [row + [""] * (width - len(row)) for row in grid]
    return [_line(header), _line(["---"] * width), *(_line(row) for row in body if any(row))]


def _grid(rows: list[Any], cells: dict[int, str]) -> list[list[str]]:
    """The text at each place of the table."""
    grid: list[list[str]] = []
    reaching: dict[int, tuple[int, str]] = {}
    for row in rows:
        texts: list[str] = []
        for cell in row.find_all(["td", "th"], recursive=False):
            _fill_from_above(texts, reaching)
            text = _one_line(cells.get(id(cell), ""))
            down, across = _span(cell, "rowspan", _SPANS), _span(cell, "colspan", _WIDEST)
            for offset in range(across):
                if down > 1:
                    reaching[len(texts)] = (down - 1, "" if offset else text)
                texts.append("" if offset else text)
        _fill_from_above(texts, reaching)
        grid.append(texts)
    return grid


def _fill_from_above(texts: list[str], reaching: dict[int, tuple[int, str]]) -> None:
    while len(texts) in reaching:
        left, text = reaching.pop(len(texts))
        if left > 1:
            reaching[len(texts)] = (left - 1, text)
        texts.append(text)


def _span(cell: Any, name: str, most: int) -> int:
    said = str(cell.get(name) or "")
    return max(1, min(int(said), most)) if said.isascii() and said.isdigit() and len(said) < len("10000") else 1


def _one_line(text: str) -> str:
    """A cell's Markdown on one line: its lines are parted by `<br>`, its own pipes escaped."""
    lines = (" ".join(line.split(" ")) for line in text.split("\n"))
    return "<br>".join(line.strip() for line in lines if line.strip()).replace("|", "\\|")


def _is_header(row: Any) -> bool:
    cells = row.find_all(["td", "th"], recursive=False)
    return row.parent.name == "thead" or (bool(cells) and all(cell.name == "th" for cell in cells))


def _line(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"
