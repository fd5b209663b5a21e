"""The worker: does the refreshes that any process asked for, and keeps the schedule.

Comes in: a process with the role `worker`. Goes out: refreshes done, one at a time. Of several workers on one database
one is on duty; another one takes over when that is gone, and begins with what it left unfinished.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from core.errors import AssistantError
from core.knowledge.refresh import Refresher
from core.operations.scheduler import RefreshSchedule
from core.storage.exclusive import Exclusive

LOOK_SECONDS = 1.0
"""How often the worker on duty looks for work, and whether it is still the only one."""

_log = logging.getLogger(__name__)


class Worker:
    """One of the workers that share an index."""

    def __init__(self, refresher: Refresher, schedule: RefreshSchedule, duty: Exclusive) -> None:
        self._refresher = refresher
        self._schedule = schedule
        self._duty = duty

    @asynccontextmanager
    async def beside(self, *, works: bool = True, keeps_time: bool = True) -> AsyncGenerator[None]:
        """Works while the block runs, if this process `works`; `keeps_time` starts what is scheduled too.

        A process that shares its index with nobody needs no worker: it cleans up and does what it is asked for itself.
        """
        if not self._refresher.shared:
            await self._refresher.tidy()
        tasks = [asyncio.create_task(self._work(keeps_time=keeps_time))] if works and self._refresher.shared else []
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, *, keeps_time: bool) -> None:
        while True:
            try:
                await self._on_duty(keeps_time=keeps_time)
            except AssistantError as error:  # the database went away, and with it perhaps the duty
                _log.error("the worker goes off duty: %s", error)
                await asyncio.sleep(LOOK_SECONDS)

    async def _on_duty(self, *, keeps_time: bool) -> None:
        async with self._duty.hold() as confirm:
            _log.info("this worker is on duty")
            try:
                await self._refresher.tidy()
                if keeps_time:
                    self._schedule.start()
                while True:
                    await confirm()
                    if not await self._refresher.do_next():
                        await asyncio.sleep(LOOK_SECONDS)
            finally:
                self._schedule.pause()
