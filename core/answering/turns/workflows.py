"""Turns as workflows of DBOS, the library that remembers across crashes which of them have not ended.

Comes in: the ids of events. Goes out: calls of `run`. Used by `durability` alone; imported when `serve` opens its
ledger. There is one of it in a process, as there is one DBOS.
"""

import asyncio
import logging
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSConfiguredInstance, SetWorkflowID
from dbos._core import WorkflowHandleAsyncTask

from core.answering.turns.durability import Run

NAME = "turns"

VERSION = "turns-1"
"""Workflows are recovered by processes of the same version only; ours have one step, so any version can."""

GIVEN_UP = {"ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"}
ENDED = {"SUCCESS", *GIVEN_UP}

THREADS = 16
"""Of DBOS, and of everything else that the event loop hands to a thread; DBOS puts its own pool in the loop's place."""

BATCH = 500
"""Old workflows that are removed at a time."""


class Workflows:
    """DBOS, launched over one database. `engine` is of `create_direct_engine`, `url` its address."""

    def __init__(self, url: str, engine: Any, executor: str, run: Run, attempts: int) -> None:
        logging.getLogger("dbos").setLevel(logging.ERROR)
        config: DBOSConfig = {
            "name": NAME,
            "executor_id": executor,
            "application_version": VERSION,
            "system_database_url": url,
            "system_database_engine": engine,
            "use_listen_notify": False,
            "max_executor_threads": THREADS,
            "log_level": "ERROR",
        }
        DBOS(config=config)
        self._engine = engine
        self._running: set[asyncio.Task[Any]] = set()

        @DBOS.dbos_class()
        class Turns(DBOSConfiguredInstance):
            @DBOS.workflow(max_recovery_attempts=attempts)
            async def turn(this, event_id: str) -> None:  # noqa: N805 - `self` is the object around it
                with self._noted():
                    await run(event_id)

        self._turns = Turns(NAME)

    def launch(self) -> None:
        """Makes its tables if need be and begins; on the event loop, so that recovered workflows run there."""
        DBOS.launch()

    async def start(self, event_id: str) -> bool:
        """Begins a workflow unless there is one of this name. False: DBOS has given it up."""
        with SetWorkflowID(event_id):
            handle = await DBOS.start_workflow_async(self._turns.turn, event_id)
        if isinstance(handle, WorkflowHandleAsyncTask):
            return True
        status = (await handle.get_status()).status
        if status != "SUCCESS":
            return status not in GIVEN_UP
        await DBOS.delete_workflow_async(event_id)  # of a question that was deleted, and is asked again
        return await self.start(event_id)

    def recover(self, executor: str) -> None:
        """Hands the workflows of a process that is gone to whoever is free; blocks. Does nothing the second time."""
        recover: Any = getattr(DBOS, "_recover_pending_workflows")  # noqa: B009 - what its own recovery service calls
        recover([executor])

    def sweep(self, before: datetime) -> None:
        """Removes workflows that ended before a time; blocks."""
        while ended := DBOS.list_workflows(
            status=list(ENDED), end_time=before.isoformat(), limit=BATCH, load_input=False, load_output=False
        ):
            DBOS.delete_workflows([workflow.workflow_id for workflow in ended])

    async def close(self) -> None:
        """Ends DBOS; workflows that still run stay begun, for the next process."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())  # in the place of DBOS's, which goes
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        self._engine.dispose()

    @contextmanager
    def _noted(self) -> Generator[None]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a workflow is a coroutine
        self._running.add(task)
        try:
            yield
        finally:
            self._running.discard(task)
