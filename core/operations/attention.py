"""What an owner should look at now, each in one sentence: parts that are down, sources, the index, budgets, drafts.

Comes in: nothing but the question. Goes out: `Concern`s, the gravest first. The console shows them and knows where each
is mended. Asked by many at once, it looks once in a while and tells everybody the same.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.answering.turns.budgets import WARN_AT
from core.domain.knowledge import RunStatus, Source
from core.knowledge.timetable import is_due
from core.operations.health import HealthChecks, State
from core.settings import Settings
from core.storage.ids import now
from core.storage.reviews import Reviews
from core.storage.runs import Runs
from core.storage.sources import Sources
from core.storage.spending import Spending

LATE = timedelta(hours=2)
"""After its planned time a refresh may take this long before the index counts as stale."""

ACCOUNTS = 3
"""Of each scope of budgets, so many are named."""

RUNS = 50
"""Refreshes that are looked through for one that went well."""

KEPT_SECONDS = 5.0
"""How long what was found is told to others who ask."""

DOLLAR = 1_000_000


class Kind(StrEnum):
    """What a concern is about."""

    PART = "part"
    SOURCE = "source"
    INDEX = "index"
    BUDGET = "budget"
    DRAFTS = "drafts"


@dataclass(frozen=True)
class Concern:
    """One thing to look at: a sentence, and the `subject` by which it is found.

    That is the name of a part or a source, or the account of a budget. `grave` ones keep people from being answered.
    """

    kind: Kind
    said: str
    subject: str = ""
    grave: bool = False


class Attention:
    """Looks at everything that may need somebody."""

    def __init__(
        self,
        health: HealthChecks,
        sources: Sources,
        runs: Runs,
        settings: Settings,
        *,
        spending: Spending,
        reviews: Reviews,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._health = health
        self._sources = sources
        self._runs = runs
        self._settings = settings
        self._spending = spending
        self._reviews = reviews
        self._clock = clock
        self._asking = asyncio.Lock()
        self._found: tuple[Concern, ...] = ()
        self._found_at = -KEPT_SECONDS

    async def concerns(self) -> tuple[Concern, ...]:
        """All there are, as of a few seconds ago. Raises StorageError when the database cannot be asked."""
        async with self._asking:
            if time.monotonic() - self._found_at >= KEPT_SECONDS:
                self._found = await self.look()
                self._found_at = time.monotonic()
            return self._found

    async def look(self) -> tuple[Concern, ...]:
        """All there are, looked for now."""
        looks = (self._parts(), self._failing_sources(), self._index(), self._spent(), self._drafts())
        found = [concern for concerns in await asyncio.gather(*looks) for concern in concerns]
        return tuple(sorted(found, key=lambda concern: not concern.grave))

    async def _parts(self) -> list[Concern]:
        down = [part for part in (await self._health.measure()).parts if part.state is State.DOWN]
        return [
            Concern(Kind.PART, f"{_sentence(part.name)} is down. {part.detail}", part.name, grave=part.needed)
            for part in down
        ]

    async def _failing_sources(self) -> list[Concern]:
        concerns: list[Concern] = []
        for source in await self._sources.all():
            if source.enabled and source.problem:
                said = f"Source {source.name} could not be read in full: {source.problem}"
                concerns.append(Concern(Kind.SOURCE, said, source.name))
            elif source.enabled and self._is_overdue(source):
                said = f"Source {source.name} was not read when its schedule said so."
                concerns.append(Concern(Kind.SOURCE, said, source.name))
        return concerns

    def _is_overdue(self, source: Source) -> bool:
        return bool(source.refreshed_at and self._is_late(source.schedule, source.refreshed_at))

    def _is_late(self, cron: str, since: datetime) -> bool:
        return cron not in {"", "off"} and is_due(cron, since, self._clock() - LATE)

    async def _index(self) -> list[Concern]:
        runs = await self._runs.latest(RUNS)
        well = [run for run in runs if run.status not in {RunStatus.RUNNING, RunStatus.FAILED}]
        if not well or not self._is_late(self._settings.refresh_cron, well[0].started_at):
            return []
        why = f" The last refresh failed: {runs[0].reason}" if runs[0].status is RunStatus.FAILED else ""
        said = f"The index is older than its schedule, from {well[0].started_at:%d %b, %H:%M} UTC.{why}"
        return [Concern(Kind.INDEX, said)]

    async def _spent(self) -> list[Concern]:
        concerns: list[Concern] = []
        for scope, limit in self._settings.budgets.items():
            least = round(WARN_AT * limit) or 1
            for key, cost in await self._spending.highest(self._clock().date(), scope, least, ACCOUNTS):
                used = f"{cost / DOLLAR:.2f} of today's {limit / DOLLAR:.2f} dollars"
                concerns.append(Concern(Kind.BUDGET, f"The budget of {scope} {key} is nearly used up: {used}.", key))
        return concerns

    async def _drafts(self) -> list[Concern]:
        count, oldest = await self._reviews.waiting()
        if not oldest:
            return []
        wait = "1 draft waits" if count == 1 else f"{count} drafts wait, the oldest"
        return [Concern(Kind.DRAFTS, f"{wait} for a decision since {oldest:%d %b, %H:%M} UTC.")]


def _sentence(name: str) -> str:
    return name[:1].upper() + name[1:]
