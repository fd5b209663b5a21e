"""Figures of what was asked, from questions that are counted beside the turns and not by them.

Comes in: a period and a place. Goes out: `Overview`s for the console. Counted is what nobody has counted yet: when
somebody looks, and every hour by the schedule. What changes afterwards (late feedback, deletions) is seen because the
last two days are counted anew every hour, and everything that a figure reaches back to every night.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from core.domain.tally import DAY, HOUR, Figures, Period, Place, Tally, day_of, hour_of
from core.errors import AssistantError
from core.operations.figures import figures_of
from core.storage.ids import now
from core.storage.tally import Tallies

KEPT = timedelta(days=62)
"""How far back is counted: the longest period, the one before it that it is compared with, and a day to spare."""

RECENT = timedelta(days=2)
"""In which most of what changes afterwards changes."""

BUSIEST = 20
"""Channels that figures are given of one by one."""

FRESH_SECONDS = 10.0
"""How old the count may be when somebody looks."""

WAIT_SECONDS = 0.05
"""How long whoever looks waits for the count; it goes on without them, and the next look shows more."""

Window = tuple[datetime, datetime]

T = TypeVar("T", bound=Hashable)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Point:
    """The figures of an hour or a day of a period."""

    start: datetime
    figures: Figures


@dataclass(frozen=True)
class Overview:
    """A period in figures, beside those of the one `before` it. `complete` is False while older hours are counted.

    `channels` are all in which was asked, with the questions of each; `places` are the figures of the first `BUSIEST`
    of them. `modes` are kept to no channel. The busiest come first.
    """

    period: Period
    figures: Figures
    before: Figures
    points: tuple[Point, ...]
    channels: tuple[tuple[Place, int], ...]
    places: tuple[tuple[Place, Figures], ...]
    modes: tuple[tuple[Place, Figures], ...]
    complete: bool = True


class TallyService:
    """Counts, and tells what was counted. One counts at a time in this process."""

    def __init__(self, tallies: Tallies, clock: Callable[[], datetime] = now) -> None:
        self._tallies = tallies
        self._clock = clock
        self._counting: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._counted_at = -FRESH_SECONDS
        self._told: dict[tuple[Period, Window, Place], Overview] = {}
        self._told_at = self._counted_at

    async def overview(self, period: Period, place: Place | None = None) -> Overview:
        """The figures of a period, kept to a place; the running hour and today count as far as they have come.

        Until the next count, all who look at the same are told the same.
        """
        complete = await self._freshen()
        window, here = period.window(self._clock()), place or Place()
        if self._told_at != self._counted_at:
            self._told, self._told_at = {}, self._counted_at
        told = self._told.get((period, window, here))
        if told is None or not complete:
            told = await self._summed(period, window, here)
            self._told[period, window, here] = told
        return replace(told, complete=complete)

    async def places(self) -> list[Place]:
        """The channels in which anything was asked, in order."""
        return await self._tallies.places()

    async def catch_up(self) -> None:
        """Counts from the hour before the latest on record, whose last questions are answered by now."""
        latest = await self._tallies.latest()
        since = latest - HOUR if latest else await self._tallies.earliest()
        if since:
            await self.recount(since)

    async def recount(self, since: datetime) -> None:
        """Counts everything anew that was asked since then, a day at a time, as far back as is kept."""
        async with self._lock:
            end = hour_of(self._clock()) + HOUR
            start = max(hour_of(since), day_of(self._clock() - KEPT))
            while start < end:
                midnight = day_of(start) + DAY
                await self._tallies.count(start, min(midnight, end), closed=midnight < end)
                start = midnight
        self._counted_at = time.monotonic()

    async def count_recent(self) -> None:
        """What the schedule does every hour."""
        await self.catch_up()
        await self.recount(self._clock() - RECENT)

    async def count_all(self) -> None:
        """What the schedule does every night; drops what is no longer needed."""
        await self.recount(self._clock() - KEPT)
        await self._tallies.forget(day_of(self._clock() - KEPT))

    async def close(self) -> None:
        """Stops counting; what was counted is stored."""
        if self._counting:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)

    async def _summed(self, period: Period, window: Window, place: Place) -> Overview:
        """The figures as the table has them; summed up on a thread, since there may be half a million answers."""
        (start, end), length, by_day = window, period.steps * period.step, period.step == DAY
        current = await self._tallies.between(start, end, by_day=by_day, place=place)
        before = await self._tallies.between(start - length, end - length, by_day=by_day, place=place)
        channels, busiest = await self._tallies.channels(start, end, by_day=by_day, place=place, most=BUSIEST)
        return await asyncio.to_thread(
            lambda: Overview(
                period=period,
                figures=figures_of(current),
                before=figures_of(before),
                points=_points(period, start, current),
                channels=tuple(channels),
                places=_busiest(busiest, lambda at: Place(at.platform, at.workspace, at.channel)),
                modes=_busiest(current, lambda at: Place(mode=at.mode)),
            )
        )

    async def _freshen(self) -> bool:
        """Sees to it that the count is fresh, within reason; gives whether it is."""
        if not self._counting or self._counting.done():
            if time.monotonic() - self._counted_at < FRESH_SECONDS:
                return True
            self._counting = asyncio.create_task(self._count_quietly())
        await asyncio.wait([self._counting], timeout=WAIT_SECONDS)
        return self._counting.done()

    async def _count_quietly(self) -> None:
        try:
            await self.catch_up()
        except AssistantError as error:
            _log.warning("what was asked was not counted: %s", error)


def _points(period: Period, start: datetime, tallies: list[Tally]) -> tuple[Point, ...]:
    floor = hour_of if period.step == HOUR else day_of
    groups: dict[datetime, list[Tally]] = {start + step * period.step: [] for step in range(period.steps)}
    for moment, group in _grouped(tallies, lambda tally: tally.start).items():
        groups[floor(moment)] += group
    return tuple(Point(when, figures_of(group)) for when, group in groups.items())


def _busiest(tallies: list[Tally], within: Callable[[Place], Place]) -> tuple[tuple[Place, Figures], ...]:
    """The figures of larger places, the busiest first."""
    groups = _grouped(tallies, lambda tally: within(tally.place))
    summed = [(place, figures_of(group)) for place, group in groups.items()]
    return tuple(sorted(summed, key=lambda found: found[1].questions, reverse=True))


def _grouped(tallies: list[Tally], of: Callable[[Tally], T]) -> dict[T, list[Tally]]:
    groups: dict[T, list[Tally]] = {}
    for tally in tallies:
        groups.setdefault(of(tally), []).append(tally)
    return groups
