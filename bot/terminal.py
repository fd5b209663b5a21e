"""Shows answers and refreshes in a terminal as they happen.

Comes in: the events of an answer or a refresh, from this process or from a running service. Goes out: text on the
console. Called by the commands.
"""

from collections.abc import AsyncIterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as ProgressBar,
)

from core.domain.conversation import Answer
from core.domain.events import AnswerEvent, Completed, Searching, Step, TextDelta
from core.domain.knowledge import Progress, RefreshRun


async def show_answer(events: AsyncIterator[AnswerEvent], console: Console) -> Answer | None:
    """Streams an answer: steps dimmed, text as it comes, sources last. Gives the answer."""
    shown = ""
    finished: Answer | None = None
    async for event in events:
        match event:
            case Searching(query):
                console.print(f"Searching for “{query}”…", style="dim", markup=False, highlight=False, emoji=False)
            case Step(who, what):
                console.print(f"{who}: {what}…", style="dim", markup=False, highlight=False, emoji=False)
            case TextDelta(text):
                console.print(text, end="", markup=False, highlight=False, emoji=False, soft_wrap=True)
                shown += text
            case Completed(answer):
                _show_rest(answer, shown, console)
                finished = answer
            case _:
                pass
    return finished


async def show_refresh(events: AsyncIterator[Progress | RefreshRun], console: Console) -> RefreshRun | None:
    """A progress bar while a refresh runs, then one line. Gives the finished run."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    finished: RefreshRun | None = None
    with ProgressBar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Reading the pages", total=None)
        async for event in events:
            if isinstance(event, RefreshRun):
                finished = event
            elif event.total:
                bar.update(task, description="Building the index", completed=event.done, total=event.total)
    if finished and finished.version:
        version = finished.version
        console.print(
            f"[green]✓[/] Index built: {version.passages} passages of {version.documents} pages "
            f"in {version.seconds:.0f} s."
        )
    elif finished:
        console.print("[green]✓[/] No page has changed; the index is up to date.")
    return finished


def _show_rest(answer: Answer, shown: str, console: Console) -> None:
    """What streaming has not shown: all of it when the final text differs, then note and sources."""
    if shown.strip() != answer.text.strip():
        console.print(
            ("\n\n" if shown else "") + answer.text, markup=False, highlight=False, emoji=False, soft_wrap=True
        )
    else:
        console.print()
    if answer.note:
        console.print(f"\n{answer.note}", style="dim", markup=False, emoji=False)
    if answer.citations:
        console.print("\nSources" if answer.covered else "\nThe nearest pages", style="bold")
        for citation in answer.citations:
            line = f"[{citation.number}] {citation.label}\n    {citation.address}"
            console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)
