"""Says when the index is refreshed and questions are put into gaps. APScheduler keeps the time; others do the work.

Comes in: five cron fields from REFRESH_CRON, in UTC. Goes out: calls of `Refresher.finished("schedule")`, and every
hour of what sorts questions.
"""

import logging
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, cast

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from core.errors import AssistantError, ConfigurationError
from core.knowledge.refresh import Refresher

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")

LATE_SECONDS = 3600
"""A refresh that could not start in time is made up for within this."""

_log = logging.getLogger(__name__)


class RefreshSchedule:
    """The schedule of one process. Raises ConfigurationError for fields that cron would not take."""

    def __init__(self, refresher: Refresher, cron: str, sort: Callable[[], Awaitable[None]] | None = None) -> None:
        self._refresher = refresher
        self._sort = sort
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        if cron != "off":
            self._scheduler.add_job(
                self._refresh,
                _trigger(cron),
                id="refresh",
                max_instances=1,
                coalesce=True,
                misfire_grace_time=LATE_SECONDS,
            )
        if sort:
            self._scheduler.add_job(
                self._sort_questions, "interval", hours=1, id="gaps", max_instances=1, coalesce=True
            )

    def start(self) -> None:
        """Begins to keep time; needs a running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stops keeping time; a refresh that runs goes on."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    @property
    def next_run(self) -> datetime | None:
        """When the next refresh starts (UTC); None when there is none planned."""
        job = cast("Any", self._scheduler.get_job("refresh"))
        return getattr(job, "next_run_time", None)

    async def _refresh(self) -> None:
        try:
            run = await self._refresher.finished("schedule")
            _log.info("scheduled refresh: %s", run.status)
        except AssistantError as error:
            _log.error("scheduled refresh failed: %s", error)

    async def _sort_questions(self) -> None:
        assert self._sort is not None  # noqa: S101 - the job is there when it is
        try:
            await self._sort()
        except AssistantError as error:
            _log.error("questions could not be put into gaps: %s", error)


def _trigger(cron: str) -> CronTrigger:
    *fields, weekday = cron.split()
    try:
        return CronTrigger.from_crontab(" ".join([*fields, _named(weekday)]), timezone=UTC)
    except ValueError as error:
        raise ConfigurationError(f"REFRESH_CRON={cron!r} is no schedule: {error}.") from error


def _named(weekday: str) -> str:
    """The field of weekdays with names for numbers: cron counts from Sunday, APScheduler from Monday."""
    if "/" in weekday:
        return weekday
    return re.sub(r"[0-7]", lambda found: WEEKDAYS[int(found[0])], weekday)
