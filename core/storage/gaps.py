"""Questions without a good answer, and the gaps that they are put into.

Comes in: which question belongs to which gap, and what was decided. Goes out: domain nouns. Called by
`core.answering.gaps`. Sizes and titles are those of the questions that are still there.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, ScalarSelect, Select, Subquery, delete, false, func, insert, select, union, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, aliased
from sqlalchemy.sql.dml import Update

from core.domain.channels import Verdict
from core.domain.conversation import Manner
from core.domain.gaps import ErrandKind, Fate, Gap, GapExample, GapState, Order, Unanswered
from core.storage.engine import Database
from core.storage.gap_models import ErrandRow, GapQuestionRow, GapRow
from core.storage.ids import now
from core.storage.models import EscalationRow, FeedbackRow, MessageRow, SessionRow, TraceRow
from core.storage.nouns import key_of

_Sized = tuple[GapRow, Any, Any, Any, Any]
_Judged = tuple[MessageRow, SessionRow, bool, bool, bool]
_Again = tuple[str, str, datetime | None, str]


@dataclass(frozen=True)
class Placed:
    """A question that was found its gap, and the sum of the vectors in that gap since; `opens` it if it is new."""

    question: Unanswered
    gap_id: str
    total: bytes
    opens: bool


class Gaps:
    """The repository of gaps."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unsorted(self, limit: int) -> list[Unanswered]:
        """Questions without a good answer that are in no gap yet, the oldest first."""
        reply = aliased(MessageRow)
        query = (
            select(MessageRow.id, MessageRow.text, MessageRow.created_at, reply.created_at, TraceRow.body["query"])
            .join(reply, reply.reply_to == MessageRow.id)
            .outerjoin(TraceRow, TraceRow.message_id == reply.id)
            .order_by(MessageRow.id)
        )
        async with self._database.read() as db:
            ids = (await db.scalars(_left_over().limit(limit))).all()
            rows = (await db.execute(query.where(MessageRow.id.in_(ids)))).all()
        return [Unanswered(row[0], str(row[4] or row[1]), row[2], row[3]) for row in rows]

    async def totals(self, model: str) -> dict[str, bytes]:
        """The sum of the vectors of every gap that was made with a model, by its id."""
        query = select(GapRow.id, GapRow.total).where(GapRow.model == model).order_by(GapRow.id)
        async with self._database.read() as db:
            return {row.id: row.total for row in (await db.execute(query)).all()}

    async def put(self, placed: Sequence[Placed], model: str) -> bool:
        """Stores where questions belong; False, and nothing, when another process was quicker with one of them.

        An answered gap opens again when an answer came that was not good although the gap had been answered.
        """
        try:
            async with self._database.begin() as db:
                for item in placed:
                    if item.opens:
                        row = GapRow(id=item.gap_id, state=GapState.OPEN, total=item.total, model=model)
                        db.add(row)
                        await db.flush()
                    else:
                        await db.execute(update(GapRow).where(GapRow.id == item.gap_id).values(total=item.total))
                        await db.execute(_reopened(item))
                    question = item.question
                    ids = {"question_id": question.question_id, "gap_id": item.gap_id}
                    await db.execute(insert(GapQuestionRow).values(**ids, asked_at=question.asked_at))
        except IntegrityError:
            return False
        return True

    async def sweep(self) -> None:
        """Forgets gaps of which no question is left."""
        async with self._database.begin() as db:
            used = select(GapQuestionRow.question_id).where(GapQuestionRow.gap_id == GapRow.id)
            await db.execute(delete(GapRow).where(~used.exists()))

    async def counts(self) -> dict[GapState, int]:
        """How many gaps are in each state."""
        used = select(GapQuestionRow.question_id).where(GapQuestionRow.gap_id == GapRow.id)
        query = select(GapRow.state, func.count()).where(used.exists()).group_by(GapRow.state)
        async with self._database.read() as db:
            return {GapState(state): count for state, count in (await db.execute(query)).all()}

    async def page(
        self, state: GapState | None, order: Order, limit: int, after: tuple[str, str] | None = None
    ) -> list[Gap]:
        """Gaps in an order, those behind the one whose size or last time, and id, are `after`."""
        sizes = _sizes()
        by = sizes.c.size if order is Order.LARGEST else sizes.c.last_seen
        query = _gaps(sizes).order_by(by.desc(), GapRow.id.desc()).limit(limit)
        if state:
            query = query.where(GapRow.state == state)
        if after:
            value = int(after[0]) if order is Order.LARGEST else datetime.fromisoformat(after[0])
            query = query.where((by < value) | ((by == value) & (GapRow.id < after[1])))
        return await self._read(query)

    async def get(self, gap_id: str) -> Gap | None:
        """One gap, unless it is gone with its questions."""
        found = await self._read(_gaps(_sizes()).where(GapRow.id == gap_id))
        return found[0] if found else None

    async def examples(self, gap_id: str, limit: int) -> list[GapExample]:
        """The questions of a gap, the latest first."""
        query = _examples().where(GapQuestionRow.gap_id == gap_id)
        async with self._database.read() as db:
            ordered = query.order_by(GapQuestionRow.asked_at.desc(), MessageRow.id.desc()).limit(limit)
            rows = (await db.execute(ordered)).all()
            ids = [row[0].id for row in rows]
            again = await db.execute(_asked_again(ids))
            statuses = {row.message_id: row.problem or row.status or _without_turn(row) for row in again.all()}
        return [_example(row, statuses) for row in rows]

    async def asked_since(self, gap_ids: Collection[str], since: datetime) -> dict[str, list[datetime]]:
        """When the questions of gaps were asked since then, by the ids of the gaps."""
        query = select(GapQuestionRow.gap_id, GapQuestionRow.asked_at).where(
            GapQuestionRow.gap_id.in_(gap_ids), GapQuestionRow.asked_at >= since
        )
        times: dict[str, list[datetime]] = {gap_id: [] for gap_id in gap_ids}
        async with self._database.read() as db:
            for gap_id, asked_at in (await db.execute(query)).all():
                times[gap_id].append(asked_at)
        return times

    async def decide(self, gap_id: str, state: GapState, by: str) -> None:
        """Writes down what was decided on a gap."""
        values = {"state": state, "decided_by": by, "decided_at": now()}
        async with self._database.begin() as db:
            await db.execute(update(GapRow).where(GapRow.id == gap_id).values(**values))

    async def _read(self, query: Select[*_Sized]) -> list[Gap]:
        async with self._database.read() as db:
            rows = (await db.execute(query)).all()
            first = select(MessageRow.id, MessageRow.text).where(MessageRow.id.in_([row.first for row in rows]))
            titles = dict((await db.execute(first)).all())
        return [_gap(row, titles) for row in rows]


def _left_over() -> Select[str]:
    """The ids of questions whose answer was not good and that are in no gap, the oldest first.

    Answers that were judged are looked up one by one: joined, they would have either database read all messages.
    """
    bad = union(
        select(MessageRow.reply_to.label("question")).where(MessageRow.covered == false()),
        select(_question_to(FeedbackRow.message_id)).where(FeedbackRow.verdict == Verdict.NOT_HELPFUL),
        select(_question_to(EscalationRow.message_id)).select_from(EscalationRow),
    ).subquery()
    question = bad.c.question
    sorted_in = select(GapQuestionRow.question_id).where(GapQuestionRow.question_id == question)
    return select(question).where(question.is_not(None), ~sorted_in.exists()).order_by(question)


def _question_to(answer: InstrumentedAttribute[str]) -> ScalarSelect[str | None]:
    return select(MessageRow.reply_to).where(MessageRow.id == answer).scalar_subquery()


def _reopened(item: Placed) -> Update:
    late = (GapRow.id == item.gap_id, GapRow.state == GapState.ANSWERED, GapRow.decided_at < item.question.answered_at)
    return update(GapRow).where(*late).values(state=GapState.OPEN)


def _sizes() -> Subquery:
    asked = GapQuestionRow.asked_at
    return (
        select(
            GapQuestionRow.gap_id,
            func.count().label("size"),
            func.min(asked).label("first_seen"),
            func.max(asked).label("last_seen"),
            func.min(GapQuestionRow.question_id).label("first"),
        )
        .group_by(GapQuestionRow.gap_id)
        .subquery()
    )


def _gaps(sizes: Subquery) -> Select[*_Sized]:
    return select(GapRow, sizes.c.size, sizes.c.first_seen, sizes.c.last_seen, sizes.c.first).join(
        sizes, sizes.c.gap_id == GapRow.id
    )


def _gap(row: Row[*_Sized], titles: Mapping[str, str]) -> Gap:
    gap = row[0]
    return Gap(
        gap.id,
        titles.get(row.first, ""),
        GapState(gap.state),
        row.size,
        row.first_seen,
        row.last_seen,
        gap.decided_by,
        gap.decided_at,
    )


def _examples() -> Select[*_Judged]:
    reply = aliased(MessageRow)
    unhelpful = (FeedbackRow.message_id == reply.id) & (FeedbackRow.verdict == Verdict.NOT_HELPFUL)
    return (
        select(
            MessageRow,
            SessionRow,
            reply.covered.label("covered"),
            select(FeedbackRow.id).where(unhelpful).exists().label("unhelpful"),
            select(EscalationRow.message_id).where(EscalationRow.message_id == reply.id).exists().label("escalated"),
        )
        .join(GapQuestionRow, GapQuestionRow.question_id == MessageRow.id)
        .join(SessionRow, SessionRow.id == MessageRow.session_id)
        .join(reply, reply.reply_to == MessageRow.id)
    )


def _asked_again(question_ids: Sequence[str]) -> Select[*_Again]:
    """What became of questions that were asked anew: their status, none while the errand waits."""
    again = aliased(MessageRow)
    return (
        select(ErrandRow.message_id, ErrandRow.problem, ErrandRow.done_at, again.status)
        .outerjoin(again, again.event_id == ErrandRow.event_id)
        .where(ErrandRow.message_id.in_(question_ids), ErrandRow.kind == ErrandKind.ANSWER)
    )


def _without_turn(row: Row[*_Again]) -> str:
    """Of a question that was to be asked anew: not yet, or it was and its answer was withdrawn as not good enough."""
    return "nothing" if row.done_at else "waiting"


def _example(row: Row[*_Judged], again: Mapping[str, str]) -> GapExample:
    asked = row[0]
    fates = ((not row.covered, Fate.UNCOVERED), (row.unhelpful, Fate.UNHELPFUL), (row.escalated, Fate.ESCALATED))
    return GapExample(
        question_id=asked.id,
        text=asked.text,
        asked_at=asked.created_at,
        session_id=asked.session_id,
        session=key_of(row[1]),
        author=asked.author,
        manner=Manner(asked.manner),
        fates=tuple(fate for holds, fate in fates if holds),
        again=again.get(asked.id, ""),
    )
