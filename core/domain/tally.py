"""What was asked, counted: by hour, place and mode, and summed up as the figures of a period. Standard library only.

Times of answers are kept as one byte each, the number of the bucket that a time falls into. A bucket's upper edge is
`RATIO` times its lower one, and a percentile is given as the geometric middle of its bucket, so it differs from the
exact one by at most the square root of that ratio: 9 % for times from `FASTEST` milliseconds on.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

from core.domain.conversation import Mode

RATIO = 2**0.25
"""Of the upper edge of a bucket to its lower one."""

FASTEST = 8.0
"""Milliseconds at the lower edge of the first bucket; what is quicker counts as this."""

BUCKETS = 100
"""The last one begins at 62 hours; what is slower counts as that."""

PERSON_BYTES = 8

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Place:
    """Where questions were asked, and who answered. Empty means: wherever, whoever."""

    platform: str = ""
    workspace: str = ""
    channel: str = ""
    mode: Mode | None = None

    @property
    def platform_wide(self) -> bool:
        """Whether it is a whole platform, or all of them."""
        return not (self.workspace or self.channel)


class Tally(NamedTuple):
    """Questions of one hour or one day at one place, and what became of them.

    `answered` from the knowledge base or `uncovered` by it; `failed` ones were told why. `first_text` and `whole` hold
    a bucket for each answer, `people` eight bytes for each person who asked. A tuple, since a month has thousands.
    """

    start: datetime
    place: Place
    questions: int = 0
    answered: int = 0
    uncovered: int = 0
    failed: int = 0
    helpful: int = 0
    unhelpful: int = 0
    escalated: int = 0
    tokens: int = 0
    cost: int = 0
    first_text: bytes = b""
    whole: bytes = b""
    people: bytes = b""


COUNTS = ("questions", "answered", "uncovered", "failed", "helpful", "unhelpful", "escalated", "tokens", "cost")
"""The numbers among the fields of a tally, in their order."""


@dataclass(frozen=True)
class Figures:
    """Tallies summed up, by `core.operations.figures`.

    `p50` and `p95` are milliseconds, None where there was no answer; `cost` is micro-dollars.
    """

    questions: int = 0
    answered: int = 0
    uncovered: int = 0
    failed: int = 0
    helpful: int = 0
    unhelpful: int = 0
    escalated: int = 0
    tokens: int = 0
    cost: int = 0
    people: int = 0
    first_text_p50: float | None = None
    first_text_p95: float | None = None
    whole_p50: float | None = None
    whole_p95: float | None = None


class Period(StrEnum):
    """How far back figures reach. Days are those of UTC, and today is the last of them."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def step(self) -> timedelta:
        """What one point of its charts stands for."""
        return HOUR if self is Period.DAY else DAY

    @property
    def steps(self) -> int:
        """How many of them it has."""
        return {Period.DAY: 24, Period.WEEK: 7, Period.MONTH: 30}[self]

    def window(self, moment: datetime) -> tuple[datetime, datetime]:
        """Its beginning, and its end: that of the running hour."""
        end = hour_of(moment) + HOUR
        last = hour_of(moment) if self.step == HOUR else day_of(moment)
        return last - (self.steps - 1) * self.step, end


def hour_of(moment: datetime) -> datetime:
    """The hour that a moment is in."""
    return moment.replace(minute=0, second=0, microsecond=0)


def day_of(moment: datetime) -> datetime:
    """The day that a moment is in."""
    return hour_of(moment).replace(hour=0)


def bucket_of(milliseconds: float) -> int:
    """The bucket that a time falls into."""
    if milliseconds <= FASTEST:
        return 0
    return min(math.floor(math.log(milliseconds / FASTEST, RATIO)), BUCKETS - 1)


def person_mark(platform: str, workspace: str, person: str) -> bytes:
    """Eight bytes that stand for a person, who is another one in each workspace."""
    return blake2b(f"{platform}\n{workspace}\n{person}".encode(), digest_size=PERSON_BYTES).digest()


def merged(tallies: Iterable[Tally], within: Callable[[Tally], tuple[datetime, Place]]) -> list[Tally]:
    """Tallies as those of the longer times and larger places that they are within; everybody counts once in each."""
    groups: dict[tuple[datetime, Place], list[Tally]] = {}
    for tally in tallies:
        groups.setdefault(within(tally), []).append(tally)
    found: list[Tally] = []
    for (start, place), group in groups.items():
        whole = joined(group)
        found.append(whole._replace(start=start, place=place, people=b"".join(sorted({*marks(whole.people)}))))
    return found


def joined(tallies: Iterable[Tally]) -> Tally:
    """Tallies as one, with the time and place of the first; who is in several of them is in it several times.

    Raises ValueError when there is none.
    """
    starts, places, *columns = zip(*tallies, strict=True)
    counts = dict(zip(COUNTS, map(sum, columns), strict=False))
    first_text, whole, people = map(b"".join, columns[len(COUNTS) :])
    return Tally(starts[0], places[0], **counts, first_text=first_text, whole=whole, people=people)


def marks(people: bytes) -> list[bytes]:
    """The marks of people, one by one."""
    return [people[at : at + PERSON_BYTES] for at in range(0, len(people), PERSON_BYTES)]
