"""The filter of the list of sessions, as the address of the page and of its exports carries it.

Comes in: what stands behind the question mark, which anybody may have written. Goes out: a filter and a place in the
list; what makes no sense is as if it were not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from core.domain.conversation import Mode
from core.domain.history import Cursor, Opinion, SessionFilter

DAY = "%Y-%m-%d"
YES, NO = "yes", "no"
MICRO = 1_000_000
LONGEST = 200
"""Characters of a value."""

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True)
class View:
    """A part of the list: what is wanted, and beside which place."""

    wanted: SessionFilter = field(default_factory=SessionFilter)
    older_than: Cursor | None = None
    newer_than: Cursor | None = None

    def address(self, path: str) -> str:
        """A path with this view behind it."""
        places = {"older": _mark(self.older_than), "newer": _mark(self.newer_than)}
        query = {**written(self.wanted), **{name: mark for name, mark in places.items() if mark}}
        return f"{path}?{urlencode(query)}" if query else path


def read_view(query: Mapping[str, str]) -> View:
    """The view that an address asks for."""
    older, newer = _cursor(query.get("older", "")), _cursor(query.get("newer", ""))
    return View(read_filter(query), older, None if older else newer)


def read_filter(query: Mapping[str, str]) -> SessionFilter:
    """The filter that an address, or the fields of the page, ask for."""
    said = {name: plain(value) for name, value in query.items()}
    until = _day(said.get("until", ""))
    return SessionFilter(
        search=said.get("q", ""),
        platform=said.get("platform", ""),
        channel=said.get("channel", ""),
        person=said.get("person", ""),
        mode=_choice(Mode, said.get("mode", "")),
        opinion=_choice(Opinion, said.get("feedback", "")),
        covered={YES: True, NO: False}.get(said.get("covered", "")),
        escalated=said.get("escalated") == YES,
        failed=said.get("failed") == YES,
        cost_over=_cost(said.get("cost", "")),
        since=_day(said.get("since", "")),
        until=until + timedelta(days=1) if until else None,
    )


def written(wanted: SessionFilter) -> dict[str, str]:
    """A filter as an address and the fields carry it; the last day is included there."""
    covered = "" if wanted.covered is None else YES if wanted.covered else NO
    values = {
        "q": wanted.search,
        "platform": wanted.platform,
        "channel": wanted.channel,
        "person": wanted.person,
        "mode": wanted.mode or "",
        "feedback": wanted.opinion or "",
        "covered": covered,
        "escalated": YES if wanted.escalated else "",
        "failed": YES if wanted.failed else "",
        "cost": f"{wanted.cost_over / MICRO:.6f}".rstrip("0").rstrip(".") if wanted.cost_over else "",
        "since": f"{wanted.since:{DAY}}" if wanted.since else "",
        "until": f"{wanted.until - timedelta(days=1):{DAY}}" if wanted.until else "",
    }
    return {name: str(value) for name, value in values.items() if value}


def plain(value: str) -> str:
    """What can be looked for: printable, and not endless."""
    return "".join(letter for letter in value if letter.isprintable())[:LONGEST].strip()


def _choice(kind: type[Choice], value: str) -> Choice | None:
    return kind(value) if value in set(kind) else None


def _day(value: str) -> datetime | None:
    try:
        day = datetime.strptime(value, DAY).replace(tzinfo=UTC)
    except ValueError:
        return None
    return day if 1970 <= day.year < 9999 else None  # noqa: PLR2004 - a day more must still be a date


def _cost(value: str) -> int:
    try:
        dollars = float(value)
    except ValueError:
        return 0
    return round(dollars * MICRO) if 0 < dollars < MICRO else 0


def _mark(cursor: Cursor | None) -> str:
    return f"{round(cursor.moment.timestamp() * MICRO)}.{cursor.id}" if cursor else ""


def _cursor(mark: str) -> Cursor | None:
    moment, _, session_id = mark.partition(".")
    if not (moment.isascii() and moment.isdecimal() and plain(session_id) == session_id):
        return None
    try:
        return Cursor(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(moment)), session_id)
    except OverflowError:
        return None
