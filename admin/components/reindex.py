"""The button that refreshes the index, with a bar that shows how far the refresh is, and how it ended.

Comes in: the refresher, and what to do when a refresh ended. A refresh that runs already, whoever asked for
it, is shown, also when it begins later; leaving the page does not stop it.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from nicegui import ui

from admin.components.moments import count, pace, time_left
from admin.components.status import StatusLine
from admin.permissions import editing, may
from core.domain.knowledge import Change, Progress, RefreshRun, RunStatus
from core.domain.people import Role
from core.errors import AssistantError
from core.knowledge.refresh import Refresher

TRIGGER = "console"

LOOK_SECONDS = 3.0
"""How often an open page looks for refreshes that others began."""


class Reindex:
    """Button, choice and progress. `choice` offers to build a new version although nothing changed.

    With `only`, the button looks at that source alone.
    """

    def __init__(
        self, refresher: Refresher, ended: Callable[[], Awaitable[None]], *, choice: bool = True, only: str = ""
    ) -> None:
        self._refresher = refresher
        self._ended = ended
        self._only = only
        with ui.element("section").classes("reindex"):
            with ui.element("div").classes("reindex-head"):
                self._button = ui.button("Read it now" if only else "Re-index now", icon="refresh", on_click=self.run)
                self._button.props("unelevated no-caps")
                self._cancel = ui.button("Cancel", on_click=self.cancel).props("outline no-caps")
                self._cancel.set_visibility(False)
                self._rebuild = ui.checkbox("Rebuild even if nothing changed").props("dense")
            with ui.element("div").classes("progress") as self._progress:
                self._bar = ui.linear_progress(0, show_value=False, size="6px")
                self._bar.props('rounded aria-label="Progress of the refresh"')
            with ui.element("div").classes("ending"):
                self._status = StatusLine()
                self._problems = ui.link("", "/sources")
        self._button.set_visibility(may(Role.EDITOR))
        self._rebuild.set_visibility(choice and may(Role.EDITOR))
        self._progress.set_visibility(False)
        self._problems.set_visibility(False)
        self._following = False
        if refresher.running:
            self._begin()

    def watch(self) -> None:
        """Looks for news from now on. To be called last: a page opens once something on it waits for the browser."""
        ui.timer(LOOK_SECONDS, self._join)

    @editing
    async def run(self) -> None:
        """Starts a refresh, or joins the one that runs, and follows it to its end."""
        rebuild = bool(self._rebuild.value)
        await self._follow(self._refresher.refresh(TRIGGER, rebuild=rebuild, only=self._only))

    async def _join(self) -> None:
        if self._following:
            return
        if self._refresher.running:
            await self._follow(self._refresher.follow())
        elif not self._button.enabled:  # it ended before the page was open
            self._rest()
            self._status.say("")
            await self._ended()

    async def _follow(self, news: AsyncGenerator[Progress | RefreshRun]) -> None:
        self._following = True
        self._begin()
        try:
            await self._tell(news)
        except AssistantError as error:
            self._status.fail(error.said)
        finally:
            self._following = False
            self._rest()
        if not self._status.gone:
            await self._ended()

    def _begin(self) -> None:
        self._button.disable()
        self._bar.set_value(0)
        self._progress.set_visibility(True)
        self._cancel.set_visibility(may(Role.EDITOR))
        self._problems.set_visibility(False)
        self._status.say("A refresh is under way …")

    def _rest(self) -> None:
        self._button.enable()
        self._progress.set_visibility(False)
        self._cancel.set_visibility(False)

    @editing
    async def cancel(self) -> None:
        """Ends the refresh; the live index stays."""
        await self._refresher.cancel()

    async def _tell(self, news: AsyncGenerator[Progress | RefreshRun]) -> None:
        async with aclosing(news):
            async for item in news:
                if isinstance(item, RefreshRun):
                    self._end(item)
                elif not self._status.gone:
                    self._show(item)

    def _show(self, progress: Progress) -> None:
        self._bar.set_value(progress.done / progress.total if progress.total else 0)
        self._bar.props(add="" if progress.total else "indeterminate")
        if progress.total:
            self._bar.props(remove="indeterminate")
        self._status.say(how_far(progress))

    def _end(self, run: RefreshRun) -> None:
        if run.status is RunStatus.STAGED:
            self._status.fail(ending(run))
        else:
            self._status.succeed(ending(run))
        if run.problems:
            self._problems.set_text(f"{count(run.problems, 'problem')} at the sources")
            self._problems.set_visibility(True)


def how_far(progress: Progress) -> str:
    """Stage, done of total, rate and time left, such as `Reading: 40 of 120 pages · 38 pages/s · about 20 s left`."""
    parts = [progress.stage.capitalize()]
    if progress.total:
        parts[0] += f": {progress.done:,} of {progress.total:,} {progress.unit}"
    if progress.rate is not None:
        parts.append(pace(progress.rate, progress.unit))
    if progress.seconds_left and progress.done < progress.total:
        parts.append(time_left(progress.seconds_left))
    return " · ".join(parts)


def ending(run: RefreshRun) -> str:
    """How a refresh ended, with what it changed."""
    what = f": {changed_pages(run.change)}." if run.change else "."
    match run.status:
        case RunStatus.PROMOTED:
            return f"A new version is live{what}"
        case RunStatus.UPDATED:
            return f"The live index was updated in place{what}"
        case RunStatus.UNCHANGED:
            return "Nothing has changed since the last refresh; the live index was kept."
        case RunStatus.STAGED:
            return f"A new version was built and waits. {run.reason}"
        case _:
            return run.reason


def changed_pages(change: Change) -> str:
    """Numbers of a change, such as `2 added, 1 removed`."""
    numbers = {"added": len(change.added), "changed": len(change.changed), "removed": len(change.removed)}
    return ", ".join(f"{number:,} {word}" for word, number in numbers.items() if number) or "the same pages"
