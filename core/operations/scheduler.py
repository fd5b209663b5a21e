"""Says when the index is refreshed, and what else is done at its time. APScheduler keeps the time.

Comes in: five cron fields from REFRESH_CRON, in UTC, and those of sources that have a schedule of their own. Goes out:
calls of `Refresher.finished("schedule")`, and of what was added to be done at its own times.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, cast

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.base import STATE_RUNNING

from core.errors import AssistantError, ConfigurationError, InputError
from core.knowledge.refresh import SCHEDULE, Refresher
from core.knowledge.timetable import cron_trigger, is_due
from core.storage.sources import Sources

LATE_SECONDS = 3600
"""A refresh that could not start in time is made up for within this."""

LOOK_SECONDS = 60
"""How often it is looked which source is due; cron knows nothing shorter."""

_log = logging.getLogger(__name__)


class RefreshSchedule:
    """The schedule of one process. Raises ConfigurationError for fields that cron would not take."""

    def __init__(self, refresher: Refresher, sources: Sources, cron: str) -> None:
        self._refresher = refresher
        self._sources = sources
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        once: dict[str, Any] = {"max_instances": 1, "coalesce": True, "misfire_grace_time": LATE_SECONDS}
        if cron != "off":
            try:
                self._scheduler.add_job(self._refresh, cron_trigger(cron), id="refresh", **once)
            except InputError as error:
                raise ConfigurationError(f"REFRESH_CRON={error.said}") from error
        self._scheduler.add_job(self._refresh_due, "interval", seconds=LOOK_SECONDS, id="sources", **once)

    def also(self, name: str, cron: str, work: Callable[[], Awaitable[None]]) -> None:
        """Adds work that is done at its own times; a failure is logged, and the next time it is tried again."""

        async def tried() -> None:
            try:
                await work()
            except AssistantError as error:
                _log.error("scheduled %s failed: %s", name, error)

        self._scheduler.add_job(tried, cron_trigger(cron), id=name, max_instances=1, coalesce=True)

    def start(self) -> None:
        """Begins to keep time, or goes on; needs a running event loop."""
        (self._scheduler.resume if self._scheduler.running else self._scheduler.start)()

    def pause(self) -> None:
        """Starts nothing until it is started again."""
        if self._scheduler.running:
            self._scheduler.pause()

    def stop(self) -> None:
        """Stops keeping time; a refresh that runs goes on."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    @property
    def is_kept(self) -> bool:
        """Whether this process keeps it now."""
        return self._scheduler.state == STATE_RUNNING

    @property
    def next_run(self) -> datetime | None:
        """When the next refresh of all sources starts (UTC); None when there is none planned."""
        job = cast("Any", self._scheduler.get_job("refresh"))
        return getattr(job, "next_run_time", None)

    async def _refresh(self) -> None:
        try:
            run = await self._refresher.finished(SCHEDULE)
            _log.info("scheduled refresh: %s", run.status)
        except AssistantError as error:
            _log.error("scheduled refresh failed: %s", error)

    async def _refresh_due(self) -> None:
        """Refreshes sources whose own time has come since they were last read. One that was never read is due."""
        try:
            for source in await self._sources.all():
                last = source.refreshed_at
                if source.enabled and source.schedule and (not last or is_due(source.schedule, last, _now())):
                    await self._refresher.finished(SCHEDULE, only=source.name)
        except AssistantError as error:
            _log.error("scheduled refresh of a source failed: %s", error)


def _now() -> datetime:
    return datetime.now(UTC)
