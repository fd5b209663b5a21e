"""Questions counted, of each channel and of each platform: by hour as they were asked, by day once a day is over.

Comes in: spans of time to count. Goes out: `Tally`s. Called by `core.operations.tally`, which says what is counted
when. A question counts with its answer, and with what people made of that, in the hour in which it was asked.
"""

from datetime import datetime
from functools import partial
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Select, Table, delete, func, insert, select, tuple_
from sqlalchemy.orm import Session, aliased

from core.domain.channels import Verdict
from core.domain.conversation import Mode, Status
from core.domain.tally import DAY, HOUR, Place, Tally, bucket_of, day_of, hour_of, merged, person_mark
from core.storage.engine import Database
from core.storage.models import EscalationRow, FeedbackRow, MessageRow, SessionRow, TallyRow

LOCK = 6_100_501
"""Of Postgres: two processes that count the same hour do so one after the other."""

CHANNELS = {"hour": "hour", "day": "day"}
"""How the span of a channel's tallies is named."""

WHOLE = {"hour": "platform hour", "day": "platform day"}
"""How that of a platform's is: a period of everything is some tallies a day, however many channels there are."""

_tallies = cast("Table", TallyRow.__table__)
_channel = (_tallies.c.platform, _tallies.c.workspace, _tallies.c.channel)
_asked, _answer = aliased(MessageRow), aliased(MessageRow)


class Tallies:
    """The repository of counted questions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self) -> datetime | None:
        """The latest hour on record; until then everything was counted."""
        query = select(func.max(_tallies.c.start)).where(_tallies.c.span == WHOLE["hour"])
        return await self._database.look(lambda db: db.scalar(query))

    async def earliest(self) -> datetime | None:
        """When the first message was stored; None when there is none."""
        query = select(func.min(MessageRow.created_at))
        return await self._database.look(lambda db: db.scalar(query))

    async def count(self, start: datetime, end: datetime, *, closed: bool) -> None:
        """Counts the hours from `start` to `end` of one day anew; of a `closed` day the whole is summed up too.

        What is counted is read before the transaction that stores it: nobody who asks waits for the reading.
        """
        hours = await self._database.look(partial(_counted, start, end))
        await self._database.transact(partial(_replace, hours, start, end, closed, alone=self._database.embedded))

    async def between(self, start: datetime, end: datetime, *, by_day: bool, place: Place) -> list[Tally]:
        """What was counted at a place, or wherever: hours, or `by_day` days and behind them the hours of the last.

        Of what is wider than a workspace, the tallies are those of platforms.
        """
        names = WHOLE if place.platform_wide else CHANNELS
        return await self._database.look(lambda db: _read(db, _period(names, start, end, by_day), *_at(place)))

    async def channels(
        self, start: datetime, end: datetime, *, by_day: bool, place: Place, most: int
    ) -> tuple[list[tuple[Place, int]], list[Tally]]:
        """All channels of a place in which was asked, with the questions of each, the busiest first; as `between`.

        Beside them the tallies of the first of them, at `most` so many.
        """
        here = (_period(CHANNELS, start, end, by_day), *_at(place))
        asked = func.sum(_tallies.c.questions)
        ranking = select(*_channel, asked).where(*here).group_by(*_channel).order_by(asked.desc(), *_channel)

        def look(db: Session) -> tuple[list[tuple[Place, int]], list[Tally]]:
            ranked = [(Place(*channel), int(questions)) for *channel, questions in db.execute(ranking)]
            busiest = [(at.platform, at.workspace, at.channel) for at, _ in ranked[:most]]
            return ranked, _read(db, *here, tuple_(*_channel).in_(busiest))

        return await self._database.look(look)

    async def places(self) -> list[Place]:
        """Where questions were counted, in order."""
        query = select(*_channel).where(_tallies.c.span == CHANNELS["hour"]).distinct().order_by(*_channel)
        return await self._database.look(lambda db: [Place(*row) for row in db.execute(query)])

    async def forget(self, before: datetime) -> None:
        """Drops what is older than any figure reaches back."""
        await self._database.transact(lambda db: db.execute(delete(_tallies).where(_tallies.c.start < before)))


def _counted(start: datetime, end: datetime, db: Session) -> list[Tally]:
    found: dict[tuple[datetime, Place], list[Row[Any]]] = {}
    for row in db.execute(_questions(start, end)):
        place = Place(row.platform, row.workspace, row.channel, Mode(row.mode))
        found.setdefault((hour_of(row.created_at), place), []).append(row)
    return [_tally_of(hour, place, rows) for (hour, place), rows in found.items()]


def _questions(start: datetime, end: datetime) -> Select[*tuple[Any, ...]]:
    """Questions asked in a span, each with its answer if there is one and the number of its reviews."""
    verdicts = [
        select(func.count())
        .where(FeedbackRow.message_id == _answer.id, FeedbackRow.verdict == verdict)
        .scalar_subquery()
        .label(verdict)
        for verdict in Verdict
    ]
    escalated = select(func.count()).where(EscalationRow.message_id == _answer.id).scalar_subquery()
    place = (SessionRow.platform, SessionRow.workspace, SessionRow.channel, _asked.mode)
    told = (_answer.covered, _answer.first_text, _answer.milliseconds, _answer.tokens, _answer.cost)
    return (
        select(_asked.created_at, *place, _asked.author, _asked.status, *told, *verdicts, escalated.label("escalated"))
        .join(SessionRow, SessionRow.id == _asked.session_id)
        .outerjoin(_answer, _answer.reply_to == _asked.id)
        .where(_asked.created_at >= start, _asked.created_at < end, _asked.role == "user")
    )


def _tally_of(hour: datetime, place: Place, rows: list[Row[Any]]) -> Tally:
    answers = [row for row in rows if row.covered is not None]
    people = {person_mark(place.platform, place.workspace, row.author) for row in rows if row.author}
    return Tally(
        hour,
        place,
        questions=len(rows),
        answered=sum(row.covered for row in answers),
        uncovered=sum(not row.covered for row in answers),
        failed=sum(row.status == Status.FAILED for row in rows),
        helpful=sum(row.helpful for row in answers),
        unhelpful=sum(row.not_helpful for row in answers),
        escalated=sum(row.escalated for row in answers),
        tokens=sum(row.tokens for row in answers),
        cost=sum(row.cost for row in answers),
        first_text=bytes(bucket_of(row.first_text) for row in answers if row.first_text),
        whole=bytes(bucket_of(row.milliseconds) for row in answers if row.milliseconds),
        people=b"".join(sorted(people)),
    )


def _replace(hours: list[Tally], start: datetime, end: datetime, closed: bool, db: Session, *, alone: bool) -> None:
    if not alone:
        db.execute(select(func.pg_advisory_xact_lock(LOCK)))
    _store(db, "hour", start, end, hours)
    if closed:
        day = day_of(start)
        whole = _read(db, _span(CHANNELS["hour"], day, day + DAY))
        _store(db, "day", day, day + DAY, merged(whole, lambda tally: (day, tally.place)))


def _store(db: Session, span: str, start: datetime, end: datetime, tallies: list[Tally]) -> None:
    """Puts tallies of channels, and those of their platforms, in the place of what was counted before."""
    whole = merged(tallies, lambda tally: (tally.start, Place(tally.place.platform, mode=tally.place.mode)))
    for name, found in ((CHANNELS[span], tallies), (WHOLE[span], whole)):
        db.execute(delete(_tallies).where(_span(name, start, end)))
        rows = [{"span": name, **tally._asdict(), **vars(tally.place)} for tally in found]
        for row in rows:
            del row["place"]
        if rows:
            db.execute(insert(_tallies), rows)


def _period(names: dict[str, str], start: datetime, end: datetime, by_day: bool) -> ColumnElement[bool]:
    if not by_day:
        return _span(names["hour"], start, end)
    last = day_of(end - HOUR)
    return _span(names["day"], start, last) | _span(names["hour"], max(start, last), end)


def _span(span: str, start: datetime, end: datetime) -> ColumnElement[bool]:
    return (_tallies.c.span == span) & (_tallies.c.start >= start) & (_tallies.c.start < end)


def _at(place: Place) -> list[ColumnElement[bool]]:
    return [_tallies.c[name] == value for name, value in vars(place).items() if value]


def _read(db: Session, *conditions: ColumnElement[bool]) -> list[Tally]:
    """What was counted. Places are few and stand in many rows: each is made once."""
    places: dict[tuple[str, ...], Place] = {}
    found: list[Tally] = []
    for row in db.execute(select(_tallies).where(*conditions)).all():  # one by one takes longer
        _, start, platform, workspace, channel, mode, *counts = row  # as the fields, the columns of counts are in order
        where = (platform, workspace, channel, mode)
        if where not in places:
            places[where] = Place(platform, workspace, channel, Mode(mode))
        found.append(Tally(start, places[where], *counts))
    return found
