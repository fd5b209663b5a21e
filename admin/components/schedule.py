"""When a schedule fires next, in words."""

from datetime import datetime, timedelta

from core.knowledge.timetable import next_times

AS_ALL = "Without one it is read when all others are."


def times_in_words(cron: str, now: datetime) -> str:
    """The next times, such as `Next: today 14:00, tomorrow 06:00, Mon 7 Dec 06:00 UTC`. Raises InputError."""
    if not cron:
        return AS_ALL
    times = next_times(cron, now)
    if not times:
        return "It never comes: no such day is left."
    return f"Next: {', '.join(_when(time, now) for time in times)} UTC"


def _when(time: datetime, now: datetime) -> str:
    days = (time.date() - now.date()) // timedelta(days=1)
    day = {0: "today", 1: "tomorrow"}.get(days, f"{time:%a} {time.day} {time:%b}")
    year = f" {time.year}" if time.year != now.year and days > 1 else ""
    return f"{day}{year} {time:%H:%M}"
