"""Reads five cron fields, as everybody writes them, in UTC. APScheduler does the counting.

Comes in: the fields, of REFRESH_CRON or of a source. Goes out: a trigger, or the times at which it fires. Called by the
check of sources, the scheduler and the console.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import cast

from apscheduler.triggers.cron import CronTrigger

from core.errors import InputError

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
INSTANT = timedelta(microseconds=1)
FIELDS = 5


def cron_trigger(cron: str) -> CronTrigger:
    """The trigger of a schedule. Raises InputError with the reason when it is none."""
    *fields, weekday = cron.split() or [""]
    if len(fields) != FIELDS - 1:
        raise InputError(
            f"{cron!r} is no schedule: it has {len(fields) + 1} of the five cron fields. Write them all, such as "
            "`0 6 * * 1-5`."
        )
    try:
        return CronTrigger.from_crontab(" ".join([*fields, _named(weekday)]), timezone=UTC)
    except ValueError as error:
        raise InputError(f"{cron!r} is no schedule: {error}. Write five cron fields, such as `0 6 * * 1-5`.") from error


def next_times(cron: str, after: datetime, count: int = 3) -> list[datetime]:
    """The first times at which a schedule fires after a moment; fewer when it never fires again. Raises InputError."""
    trigger, times = cron_trigger(cron), list[datetime]()
    while len(times) < count:
        when = cast("datetime | None", trigger.get_next_fire_time(None, times[-1] + INSTANT if times else after))
        if when is None:
            break
        times.append(when)
    return times


def is_due(cron: str, since: datetime, moment: datetime) -> bool:
    """Whether a schedule fired after `since` and by `moment`. Raises InputError."""
    return any(when <= moment for when in next_times(cron, since + INSTANT, 1))


def _named(weekday: str) -> str:
    """The field of weekdays with names for numbers: cron counts from Sunday, APScheduler from Monday."""
    if "/" in weekday:
        return weekday
    return re.sub(r"[0-7]", lambda found: WEEKDAYS[int(found[0])], weekday)
