"""Brings the knowledge up to date: looks at the sources, then makes the index what they say.

Comes in: who asked. Goes out: `Progress` while it runs, then the `RefreshRun`. Two refreshes at once are one refresh.
Called at start, by the scheduler, the command, `POST /index-docs` and the console. Where processes share an index, what
is asked for here is written down, and a worker does it (`core.operations.worker`).
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Any

from core.domain.knowledge import IndexVersion, Progress, RefreshRun, RunStatus, Source
from core.domain.people import SERVICE, acting
from core.errors import AssistantError, RefreshFailed, RefreshUnderWay, StorageError
from core.knowledge.collect import Collector
from core.knowledge.index.worker import Tell
from core.knowledge.indexer import Indexer
from core.knowledge.rollback import Switchboard
from core.storage.audit import Audit
from core.storage.exclusive import Exclusive
from core.storage.ids import now
from core.storage.runs import Runs

AT_START = "start"
"""The trigger of the first refresh of a process: it waits for no site, only for what is on this machine."""

SCHEDULE = "schedule"
"""The trigger of refreshes whose time has come; sources with a schedule of their own are left to it."""

CANCELLED = "Somebody cancelled it before it ended. The live index was kept."
STOPPED = "The process was stopped before it ended. The live index was kept."


WATCH_SECONDS = 0.5
"""How often the record of a refresh is looked at that another process does."""

NOTICE_SECONDS = 2.0
"""How often it is looked whether another process asked for one."""

REPORT_SECONDS = 1.0
"""How often a worker says how far it is, and looks whether somebody cancelled."""

LOST = timedelta(hours=1)
"""A card that has been on its way into the index for so long will not come: its process is gone."""


class Refresher:
    """Runs refreshes and rollbacks, one at a time: of this process, or of all that `shared` the index."""

    def __init__(
        self,
        runs: Runs,
        collector: Collector,
        indexer: Indexer,
        switchboard: Switchboard,
        audit: Audit,
        *,
        writing: Exclusive,
        shared: bool = False,
    ) -> None:
        self.shared = shared
        self._runs = runs
        self._collector = collector
        self._indexer = indexer
        self._switchboard = switchboard
        self._audit = audit
        self._task: asyncio.Task[RefreshRun] | None = None
        self._progress = Progress("reading")
        self._news = asyncio.Condition()
        self._index = asyncio.Lock()
        self._writing = writing
        self._watched = ""
        self._noticing = asyncio.create_task(self._notice()) if shared else None

    @property
    def running(self) -> bool:
        """Whether a refresh is under way."""
        return self._task is not None and not self._task.done()

    async def refresh(
        self, trigger: str, *, rebuild: bool = False, only: str = ""
    ) -> AsyncGenerator[Progress | RefreshRun]:
        """Starts a refresh, or joins the one that runs: progress as it comes, then the finished run.

        `rebuild` reads every page again and builds a new version even when nothing changed; `only` looks at one source.
        The refresh goes on when the caller stops listening. Raises RefreshFailed with the reason; the live index is
        untouched then.
        """
        if self.shared:
            await self._ask(trigger, rebuild=rebuild, only=only)
        elif not self.running:
            self._begin(self._run(trigger, rebuild=rebuild, only=only))
        async with aclosing(self.follow()) as news:
            async for item in news:
                yield item

    async def follow(self) -> AsyncGenerator[Progress | RefreshRun]:
        """The progress of the refresh that runs, then the finished run; nothing when none runs. Raises as it does."""
        task = self._task
        if task is None or task.done():
            return
        seen: Progress | None = None
        while not task.done():
            if self._progress != seen:
                seen = self._progress
                yield seen
                continue
            async with self._news:
                await self._news.wait_for(lambda last=seen: task.done() or self._progress != last)
        yield await _result(task)

    async def finished(self, trigger: str, *, rebuild: bool = False, only: str = "") -> RefreshRun:
        """A refresh without its progress."""
        async for item in self.refresh(trigger, rebuild=rebuild, only=only):
            if isinstance(item, RefreshRun):
                return item
        raise RefreshFailed("The refresh ended without a result.")  # pragma: no cover - the stream ends with a run

    async def bring_in(self, trigger: str, paths: Sequence[str], tell: Tell) -> RefreshRun:
        """Makes the live index say what the library says of these pages alone, on record as a refresh is.

        It waits for no look at the sources, only while something else writes to the index. Raises RefreshFailed.
        """
        run = await self._runs.start(trigger)
        try:
            async with self._writing.hold():
                outcome = await self._indexer.bring_in(paths, tell)
        except BaseException as error:  # cancelled or broken: the run must not stay open on record
            await self._runs.finish(run, RunStatus.FAILED, reason=_said(error))
            if isinstance(error, OSError):
                raise RefreshFailed(_said(error), detail=repr(error)) from error
            raise
        return await self._runs.finish(
            run, outcome.status, reason=outcome.reason, version=outcome.version, change=outcome.change
        )

    async def roll_back(self, version_id: str | None = None) -> IndexVersion:
        """Takes the latest change of the index back, or goes back to an archived version; gives what is live then.

        Raises InputError when there is nothing to go back to, RefreshUnderWay during a refresh.
        """
        return await self._by_hand("index.rollback", lambda: self._switchboard.roll_back(self._tell, version_id))

    async def promote(self, version_id: str) -> IndexVersion:
        """Makes a version in Staging the live one. Raises UnknownVersion, or RefreshUnderWay."""
        return await self._by_hand("index.promote", lambda: self._switchboard.promote(version_id))

    async def stop(self) -> None:
        """Ends a running refresh; what it had built is removed at the next start. A worker's is done by the next."""
        if self._noticing:
            self._noticing.cancel()
            await asyncio.gather(self._noticing, return_exceptions=True)
        await self._end(STOPPED)

    async def cancel(self) -> bool:
        """Ends a running refresh on somebody's word; the live index stays. False: none was running."""
        return await (self._runs.cancel() if self.shared else self._end(CANCELLED))

    async def tidy(self) -> None:
        """Cleans up after a process that was killed in a refresh. For the start, before any refresh.

        Of those that share an index the one worker on duty does it.
        """
        await self._runs.abandon(now() - LOST if self.shared else None)
        async with self._writing.hold():
            await self._indexer.tidy()

    async def do_next(self) -> bool:
        """Does the next refresh that any process asked for, as the one worker on duty. False: there is none.

        One that is stopped in the middle stays on record as it is, for the next worker. Raises StorageError.
        """
        asked = await self._runs.next_asked()
        if asked is None:
            return False
        latest = Progress("reading")

        async def note(progress: Progress) -> None:
            nonlocal latest
            latest = progress

        work = asyncio.create_task(self._on_record(asked.run, note, rebuild=asked.rebuild, only=asked.only))
        try:
            while not work.done():
                if not await self._runs.report(asked.run.id, latest):
                    work.cancel(CANCELLED)
                await asyncio.wait({work}, timeout=REPORT_SECONDS)
        finally:
            work.cancel(STOPPED)
            await asyncio.gather(work, return_exceptions=True)  # how it ended stands in its record
        return True

    def _begin(self, work: Coroutine[Any, Any, RefreshRun], stage: str = "reading") -> None:
        self._progress = Progress(stage)
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(_observed)

    async def _run(self, trigger: str, *, rebuild: bool, only: str) -> RefreshRun:
        try:
            return await self._on_record(await self._runs.start(trigger), self._tell, rebuild=rebuild, only=only)
        except OSError as error:
            raise RefreshFailed(_said(error), detail=repr(error)) from error
        finally:
            await self._tell(Progress("done"))

    async def _ask(self, trigger: str, *, rebuild: bool, only: str) -> None:
        """Asks the workers for a refresh, or joins the one that somebody asked for."""
        run_id = await self._runs.ask(trigger, rebuild=rebuild, only=only)
        if run_id != self._watched or not self.running:
            self._begin(self._watch(run_id), "waiting")

    async def _watch(self, run_id: str) -> RefreshRun:
        """Follows a refresh by its record. Raises RefreshFailed as it did."""
        self._watched = run_id
        try:
            while True:
                asked = await self._runs.asked(run_id)
                if asked is None or asked.run.status is RunStatus.FAILED:
                    raise RefreshFailed(asked.run.reason if asked else CANCELLED)
                if asked.run.status is not RunStatus.RUNNING:
                    await self._note(asked.run)
                    return asked.run
                await self._tell(asked.progress)
                await asyncio.sleep(WATCH_SECONDS)
        finally:
            await self._tell(Progress("done"))

    async def _notice(self) -> None:
        """Follows what other processes asked for, so that whoever looks here sees it."""
        while True:
            await asyncio.sleep(NOTICE_SECONDS)
            with suppress(StorageError):  # the health tells of a database that is away
                if not self.running and (asked := await self._runs.next_asked()) and not self.running:
                    self._begin(self._watch(asked.run.id), "waiting")

    async def _on_record(self, run: RefreshRun, tell: Tell, *, rebuild: bool, only: str) -> RefreshRun:
        problems = 0
        try:
            async with self._index:
                problems = await self._collector.collect(tell, _wanted(run.trigger, only), afresh=rebuild)
                async with self._writing.hold():
                    outcome = await self._indexer.bring_up_to_date(tell, rebuild=rebuild)
        except BaseException as error:  # cancelled or broken: the run must not stay open on record
            if not (self.shared and _said(error) == STOPPED):  # then the next worker does it
                await self._finish(run, RunStatus.FAILED, reason=_said(error), problems=problems)
            raise
        return await self._finish(
            run,
            outcome.status,
            reason=outcome.reason,
            problems=problems,
            version=outcome.version,
            change=outcome.change,
        )

    async def _end(self, reason: str) -> bool:
        if self._task is None or self._task.done():
            return False
        self._task.cancel(reason)
        await asyncio.gather(self._task, return_exceptions=True)
        await self._tell(Progress("done"))  # one that was cancelled before it began could not say so itself
        return True

    async def _finish(self, run: RefreshRun, status: RunStatus, **outcome: Any) -> RefreshRun:
        """Closes the record of a refresh; who asked for it is remembered, unless it was nobody."""
        finished = await self._runs.finish(run, status, **outcome)
        await self._note(finished)
        return finished

    async def _note(self, run: RefreshRun) -> None:
        if acting() != SERVICE:
            subject = run.version.id if run.version else "index"
            await self._audit.note("index.refresh", subject, after={"status": run.status, "problems": run.problems})

    async def _by_hand(self, action: str, move: Callable[[], Awaitable[IndexVersion]]) -> IndexVersion:
        if self.running or self._index.locked() or (self.shared and await self._runs.next_asked()):
            raise RefreshUnderWay("A refresh is under way. Wait until it has ended, then try again.")
        async with self._index, self._writing.hold():
            before = await self._switchboard.live()
            live = await move()
        await self._audit.note(action, live.id, before=_state(before) if before else None, after=_state(live))
        return live

    async def _tell(self, progress: Progress) -> None:
        async with self._news:
            self._progress = progress
            self._news.notify_all()


def _wanted(trigger: str, only: str) -> Callable[[Source], bool]:
    """Which sources a refresh looks at."""
    if only:
        return lambda source: source.name == only
    if trigger == AT_START:
        return lambda source: not source.kind.remote
    if trigger == SCHEDULE:
        return lambda source: not source.schedule
    return lambda _: True


async def _result(task: "asyncio.Task[RefreshRun]") -> RefreshRun:
    """The run of a refresh that has ended. Raises RefreshFailed when it was cancelled: its listeners were not."""
    try:
        return await task
    except asyncio.CancelledError as error:
        if task.cancelled():
            raise RefreshFailed(_said(error)) from error
        raise


def _state(live: IndexVersion) -> dict[str, Any]:
    """Which index answers, for the record of changes."""
    return {"live": live.id, "revision": live.revision, "documents": live.documents}


def _said(error: BaseException) -> str:
    """Why a refresh ended early, for its record."""
    if isinstance(error, AssistantError):
        return error.said
    if isinstance(error, asyncio.CancelledError):
        return next(iter(error.args), STOPPED)
    if isinstance(error, OSError):
        return f"A file could not be written or read: {error.strerror or error}. The live index was kept."
    return f"It stopped by a fault of ours: {error!r}. The live index was kept."


def _observed(task: asyncio.Task[RefreshRun]) -> None:
    """Marks the task's error as seen: it stands in the run's record even when nobody listens."""
    if not task.cancelled():
        task.exception()
