"""Shows answers and refreshes in a terminal as they happen.

Comes in: the events of an answer or a refresh, from this process or from a running service. Goes out: text on the
console. Called by the commands.
"""

from collections.abc import AsyncIterator
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as ProgressBar

from bot.http.index_schemas import RefreshReply
from bot.rendering import ordinal
from bot.tables import counts, good, show_changed_pages, warn
from core.domain.conversation import Answer
from core.domain.events import AnswerEvent, Completed, Queued, Searching, Step, TextDelta
from core.domain.knowledge import Progress, RefreshRun, RunStatus


async def show_answer(events: AsyncIterator[AnswerEvent], console: Console) -> Answer | None:
    """Streams an answer: steps dimmed, text as it comes, sources last. Gives the answer."""
    shown = ""
    finished: Answer | None = None
    async for event in events:
        match event:
            case Queued(position):
                console.print(f"You are {ordinal(position)} in line…", style="dim", markup=False, highlight=False)
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


class RefreshBar:
    """A bar that shows how far something is, while it is entered."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[how_far]}"))
        self._bar = ProgressBar(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("Starting", total=None, how_far="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, progress: Progress) -> None:
        """Shows the stage and how far it is."""
        stage = escape(progress.stage.capitalize())
        total = progress.total or None
        self._bar.update(self._task, description=stage, completed=progress.done, total=total, how_far=how_far(progress))


def how_far(progress: Progress) -> str:
    """Done of total, the rate, and the time that is left, as far as they are known."""
    if not progress.total:
        return ""
    parts = [f"{progress.done:,} of {progress.total:,} {progress.unit}"]
    if progress.rate:
        parts.append(f"{progress.rate:,.0f} a second" if progress.rate >= 1 else f"{1 / progress.rate:.0f} s each")
    if progress.seconds_left:
        minutes, seconds = divmod(round(progress.seconds_left), 60)
        parts.append(f"{minutes} min {seconds} s left" if minutes else f"{seconds} s left")
    return " · ".join(parts)


async def show_refresh(events: AsyncIterator[Progress | RefreshRun | RefreshReply], console: Console) -> None:
    """A bar while a refresh runs, then how it ended."""
    finished: RefreshReply | None = None
    with RefreshBar(console) as bar:
        async for event in events:
            if isinstance(event, Progress):
                bar.show(event)
            else:
                finished = RefreshReply.of(event) if isinstance(event, RefreshRun) else event
    if finished:
        _show_end(finished, console)


def _show_end(run: RefreshReply, console: Console) -> None:
    match run.status:
        case RunStatus.UNCHANGED:
            good("No page has changed; the index is up to date.", console)
        case RunStatus.STAGED:
            warn(f"The new version {(run.version or '')[-8:]} is not live. {run.reason}", console)
            console.print("  `mlops-assistant versions` shows it; `promote` makes it live all the same.", style="dim")
        case RunStatus.UPDATED:
            good(f"Index updated in place: {_size(run)}.", console)
        case _:
            good(f"Index built: {_size(run)} in {run.seconds or 0:.0f} s.", console)
    if run.change and run.change.before:
        change = run.change.model_dump(mode="json")
        console.print(f"  {counts(change)}", highlight=False)
        show_changed_pages(change, console)
    if run.problems:
        what = "1 page or source" if run.problems == 1 else f"{run.problems:,} pages or sources"
        hint = "`mlops-assistant sources list` and `sources pages NAME --problems` say why."
        warn(f"{what} could not be read; what was known was kept. {hint}", console)


def _size(run: RefreshReply) -> str:
    return f"{run.passages or 0:,} passages of {run.documents or 0:,} pages"


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
