"""Sees to it that a turn that was begun is ended, whatever happens to the process.

Comes in: the id of an event whose question is stored. Goes out: a call of `run`, in this process or, after this one is
gone, in another. `InMemory` is for processes whose askers wait for them; `Ledger` writes turns down with DBOS, as
workflows named after their events, so that a redelivered event is the same turn.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from core.storage.engine import create_direct_engine
from core.storage.executors import Executors
from core.storage.ids import new_id, now

BEAT_SECONDS = 2.0
"""How often a process says that it lives, where there may be several."""

GONE_LOOKS = 6
"""A process whose beat stands still for so many looks in a row is gone: after 12 s, or later. Looks are counted, and no
seconds: so a watcher that was held up itself takes nobody for gone, and no clock matters."""

ATTEMPTS = 5
"""Times that a turn is begun again after its process died; one that kills its process must not do so for ever."""

LEDGER_SECONDS = 30.0
"""How long the ledger waits for another writer of its file."""

KEPT = timedelta(hours=48)
"""Ended workflows are kept this long, so that a late redelivery still finds its turn in the ledger."""

Run = Callable[[str], Awaitable[None]]

_log = logging.getLogger(__name__)


class Durability(Protocol):
    """How turns are run."""

    executor: str

    @property
    def shared(self) -> bool:
        """Whether turns are ended by other processes too, so that later ones of a session wait for them."""
        ...

    async def open(self, run: Run) -> None:
        """Begins; from here on `run` is called for each turn."""
        ...

    async def start(self, event_id: str) -> bool:
        """Runs a turn unless it runs already. False: it was begun too often, and will not be again."""
        ...

    def gone(self) -> set[str] | None:
        """The processes that are known to be gone. None: all but this one."""
        ...

    async def peers_changed(self) -> bool:
        """Waits until another process is gone. False: there are no others."""
        ...

    async def close(self) -> None:
        """Stops what still runs; a ledger hands it over to the next process."""
        ...


class InMemory:
    """Runs turns as tasks of this process; with it they are gone."""

    def __init__(self) -> None:
        self.executor = new_id()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._run: Run | None = None

    @property
    def shared(self) -> bool:
        """No: what a process leaves behind nobody ends."""
        return False

    async def open(self, run: Run) -> None:
        """Begins."""
        self._run = run

    async def start(self, event_id: str) -> bool:
        """Runs a turn unless it runs already."""
        assert self._run is not None  # noqa: S101 - opened first
        if event_id not in self._running:
            task = asyncio.ensure_future(self._run(event_id))
            self._running[event_id] = task
            task.add_done_callback(lambda _: self._running.pop(event_id, None))
        return True

    def gone(self) -> None:
        """All others; it has no peers."""

    async def peers_changed(self) -> bool:
        """False."""
        return False

    async def close(self) -> None:
        """Stops what still runs."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Ledger:
    """Runs turns as DBOS workflows.

    DBOS recovers what a process left behind when it is told which one is gone. With one process for a database
    (`alone`) that is every other one; where there may be several, they watch each other's beats.
    """

    def __init__(self, url: str, executors: Executors, folder: Path, *, alone: bool) -> None:
        self.executor = new_id()
        self._url = url
        self._executors = executors
        self._last = folder / "executor"
        self._holding = FileLock(folder / "executor.lock")
        self._alone = alone
        self._workflows: Any = None
        self._seen: dict[str, tuple[int, int]] = {}
        self._change = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._fallback = InMemory()

    @property
    def shared(self) -> bool:
        """Yes: each turn is ended by somebody."""
        return True

    async def open(self, run: Run) -> None:
        """Launches DBOS and recovers what earlier processes left."""
        from core.answering.turns.workflows import Workflows  # noqa: PLC0415 - a second of imports, for `serve` alone

        await self._fallback.open(run)
        engine = create_direct_engine(self._url, patience=LEDGER_SECONDS)
        self._workflows = Workflows(self._url, engine, self.executor, run, ATTEMPTS)
        self._workflows.launch()
        before = await self._executors.beats()
        await self._executors.beat(self.executor)
        predecessor = self._predecessor()
        dead = {*before} if self._alone else {*before} & predecessor
        self._seen = {executor: (beat, GONE_LOOKS if executor in dead else 0) for executor, beat in before.items()}
        for executor in dead:
            await self._bury(executor)
        self._tasks = [asyncio.create_task(self._sweep())]
        if not self._alone:
            self._tasks.append(asyncio.create_task(self._watch()))

    async def start(self, event_id: str) -> bool:
        """Begins a workflow unless there is one of this name."""
        try:
            return await self._workflows.start(event_id)
        except Exception as error:  # the boundary to the ledger's own database: the question is stored, so answer it
            _log.warning("turn %s runs without the ledger: %s", event_id, error)
            return await self._fallback.start(event_id)

    def gone(self) -> set[str] | None:
        """The processes that are known to be gone. None: all but this one."""
        if self._alone:
            return None
        return {executor for executor, (_, looks) in self._seen.items() if looks >= GONE_LOOKS} - {self.executor}

    async def peers_changed(self) -> bool:
        """Waits until another process is gone. False: there are no others."""
        return not self._alone and await self._change.wait()

    async def close(self) -> None:
        """Stops what still runs; another process, or the next one here, begins it again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._fallback.close()
        await self._workflows.close()
        self._holding.release()

    def _predecessor(self) -> set[str]:
        """The process that held this folder before: whoever holds it now knows that it is gone.

        None when another one holds it: replicas may share a folder, where Chroma is a server.
        """
        before: set[str] = set()
        with suppress(OSError, Timeout):
            self._holding.acquire(timeout=0)
            if self._last.is_file():
                before = {self._last.read_text().strip()}
            self._last.write_text(self.executor)
        return before

    async def _watch(self) -> None:
        """Says that this process lives, and looks who else does."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self._executors.beat(self.executor)
                self._observe(await self._executors.beats())
                for executor in self.gone() or ():  # again and again, until nothing of it is left
                    await self._bury(executor)
            except Exception as error:  # the boundary to both databases: who stops beating counts as gone
                _log.warning("the other processes cannot be watched: %s", error)
                self._seen = {executor: (beat, 0) for executor, (beat, _) in self._seen.items()}

    def _observe(self, beats: dict[str, int]) -> None:
        """Counts for how many looks each process has been silent; who is new counts as alive."""
        before, self._seen = self._seen, {}
        for executor, beat in beats.items():
            known, looks = before.get(executor, (None, 0))
            self._seen[executor] = (beat, looks + 1 if known == beat else 0)

    async def _bury(self, executor: str) -> None:
        """Recovers the turns of a process that is gone; safe to do twice, and by several at once."""
        await asyncio.to_thread(self._workflows.recover, executor)
        await self._executors.forget(executor)
        change, self._change = self._change, asyncio.Event()
        change.set()

    async def _sweep(self) -> None:
        """Removes old entries of the ledger, now and every hour."""
        while True:
            with suppress(Exception):  # the next hour tries again; nothing depends on it
                await asyncio.to_thread(self._workflows.sweep, now() - KEPT)
            await asyncio.sleep(3600)
