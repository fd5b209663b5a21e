"""Shows replies of the API as tables and lines of a terminal.

Comes in: a reply as JSON gave it. Goes out: text on the console. Pure but for the printing; called by the commands.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

Reply = dict[str, Any]

MAIN = ("recall@3", "nDCG", "refusal F1")
"""The metrics that stand beside a version."""

NAMED = 4
"""Pages of a change that are named beside it."""

MARKS = {"added": "+", "changed": "~", "removed": "-"}


def good(said: str, console: Console) -> None:
    """A sentence on what went well."""
    console.print(Text.assemble(("✓ ", "green"), said), soft_wrap=True)


def warn(said: str, console: Console) -> None:
    """A sentence on what needs a look."""
    console.print(Text.assemble(("! ", "yellow"), said), soft_wrap=True)


def table_of(rows: Sequence[Reply], *columns: str) -> Table:
    """Rows under their columns; a cell may have several lines."""
    table = _table(*columns, numbers=set())
    for row in rows:
        _row(table, *(str(row[column]) for column in columns))
    return table


def show_sources(sources: Sequence[Reply], console: Console) -> None:
    """The sources, a line each, and below them what is wrong with some."""
    table = _table("source", "kind", "product", "pages", "last look", "", numbers={"pages"})
    for source in sources:
        state = "" if source["enabled"] else "off"
        state = state or ("problem" if source["problem"] else "")
        look = _moment(source["refreshed_at"]) or "never"
        _row(table, source["name"], source["kind"], source["product"], f"{source['pages']:,}", look, state)
    console.print(table)
    for source in sources:
        if source["problem"]:
            warn(f"{source['name']}: {source['problem']}", console)


def show_pages(pages: Sequence[Reply], console: Console) -> None:
    """The pages of a source with how the last look at each went."""
    if not pages:
        console.print("There is no such page. A new source is read at the next `mlops-assistant refresh`.", style="dim")
    for page in pages:
        style = {"live": "green", "failed": "red", "gone": "yellow"}.get(page["status"], "")
        line = Text.assemble((f"{page['status']:<7}", style), page["location"] or page["path"])
        if page["reason"]:
            line.append(f"\n       {page['reason']}", "dim")
        console.print(line, soft_wrap=True)


def show_versions(versions: Sequence[Reply], console: Console) -> None:
    """The versions of the index, the newest first, and below them why some are not live."""
    if not versions:
        console.print("There is no index yet. `mlops-assistant refresh` builds it.")
        return
    for version in versions:
        style = "green" if version["stage"] == "Production" else "dim"
        size = f"{version['passages']:,} passages of {version['documents']:,} pages, revision {version['revision']}"
        console.print(Text.assemble(version["id"][-8:], "  ", (f"{version['stage']:<11}", style), size), soft_wrap=True)
        measured = [f"{name} {_value(version['metrics'][name])}" for name in MAIN if version["metrics"].get(name)]
        built = f"built {_moment(version['created_at'])} UTC in {version['seconds']:.0f} s"
        console.print(f"          {' · '.join([built, *measured])}", style="dim", highlight=False, soft_wrap=True)
        if version["reason"]:
            console.print(Text(f"          {version['reason']}"), soft_wrap=True)


def show_changes(changes: Sequence[Reply], console: Console) -> None:
    """The latest changes of the live index with the first of their pages."""
    if changes:
        console.print("\nLatest changes", style="bold")
    for change in changes:
        what = "in place" if change["in_place"] else f"version {change['version'][-8:]} went live"
        undone = " (undone)" if change["undone_at"] else ""
        said = f"{_moment(change['created_at'])}  {counts(change)}, {what}{undone}"
        console.print(said, markup=False, highlight=False, soft_wrap=True)
        if change["before"]:
            show_changed_pages(change, console)


def counts(change: Reply) -> str:
    """How many pages a change added, changed and removed."""
    return ", ".join(f"{change[what]:,} {what}" for what in MARKS)


def show_changed_pages(change: Reply, console: Console) -> None:
    """The first pages of a change, marked with what was done to them."""
    for page in change["pages"][:NAMED]:
        line = f"  {MARKS[page['what']]} {page['path']}"
        console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)
    rest = sum(change[what] for what in MARKS) - NAMED
    if rest > 0:
        console.print(f"  and {rest:,} more", style="dim", highlight=False)


def show_evaluation(found: Reply, console: Console) -> None:
    """The metrics of an evaluation; beside another version's when it was compared."""
    other = found["comparison"]
    if other:
        _show_comparison(found, other, console)
        return
    table = _table("metric", "value", "95% interval", "questions", numbers={"value", "questions"})
    for name, metric in found["metrics"].items():
        _row(table, name, _value(metric), _interval(metric), str(metric["count"]) if metric else "")
    console.print(table)


def _show_comparison(found: Reply, other: Reply, console: Console) -> None:
    before, after = other["version"][-8:], found["version"][-8:]
    table = _table("metric", before, after, numbers={before, after})
    for name, metric in found["metrics"].items():
        _row(table, name, _value(other["metrics"].get(name)), _value(metric))
    console.print(table)
    console.print("Difference, question by question", style="bold")
    table = _table("metric", "gain", "95% interval", "", numbers={"gain"})
    for name, metric in other["differences"].items():
        beyond = metric and (metric["low"] > 0 or metric["high"] < 0)
        gain = f"{metric['value']:+.3f}" if metric else "-"
        _row(table, name, gain, _interval(metric, "+.3f"), "more than chance" if beyond else "")
    console.print(table)
    _show_questions(other["questions"], console)


def _show_questions(questions: Sequence[Reply], console: Console) -> None:
    if not questions:
        console.print("Every question fares as before.")
        return
    console.print(f"Questions that fare differently: {len(questions)}, the worst losses first", style="bold")
    for question in questions:
        mark = ("▼", "red") if question["change"] < 0 else ("▲", "green")
        moved = " → ".join(_fared(question, when) for when in ("before", "after"))
        console.print(
            Text.assemble(mark, f" {question['id']}: {moved}\n  ", (question["question"], "dim")), soft_wrap=True
        )


def _fared(question: Reply, when: str) -> str:
    rank = question[f"rank_{when}"]
    return f"{f'rank {rank}' if rank else 'not found'}, {'answered' if question[f'covered_{when}'] else 'refused'}"


def _value(metric: Reply | None) -> str:
    return f"{metric['value']:.3f}" if metric else "-"


def _interval(metric: Reply | None, form: str = ".3f") -> str:
    return f"{metric['low']:{form}} to {metric['high']:{form}}" if metric else ""


def _moment(value: str | None) -> str:
    return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M}" if value else ""


def _table(*columns: str, numbers: set[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    """Cells as they are: a name may look like the markup of the terminal."""
    table.add_row(*(Text(cell) for cell in cells))
