"""Everything that is kept of conversations: messages with traces, files, verdicts and calls for a human.

Comes in: ids of sessions. Goes out: lines of transcripts, each answer behind its question. Called by the console.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.domain.channels import Feedback
from core.domain.history import Line
from core.storage.engine import Database
from core.storage.models import AttachmentRow, EscalationRow, FeedbackRow, MessageRow, TraceRow
from core.storage.nouns import feedback_of, message_of, trace_of


@dataclass(frozen=True)
class _Beside:
    """What stands beside messages, by their ids."""

    files: dict[str, list[str]] = field(default_factory=lambda: defaultdict[str, list[str]](list))
    feedback: dict[str, list[Feedback]] = field(default_factory=lambda: defaultdict[str, list[Feedback]](list))
    escalated: dict[str, str] = field(default_factory=dict[str, str])


class Transcripts:
    """The repository of transcripts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self, session_id: str, turns: int, *, before: int | None = None) -> list[Line]:
        """The last turns of a session, or those before a turn, with what the answers were made of."""
        numbers = select(MessageRow.turn).where(MessageRow.session_id == session_id)
        if before is not None:
            numbers = numbers.where(MessageRow.turn < before)
        shown = numbers.distinct().order_by(MessageRow.turn.desc()).limit(turns)
        async with self._database.read() as db:
            wanted = list(await db.scalars(shown))
            if not wanted:
                return []
            here = _messages().where(
                MessageRow.session_id == session_id, MessageRow.turn.between(wanted[-1], wanted[0])
            )
            rows = (await db.scalars(here)).all()
            lines = await _lines(db, rows)
            answers = [row.id for row in rows if row.role == "assistant"]
            traces = await db.execute(
                select(TraceRow.message_id, TraceRow.body).where(TraceRow.message_id.in_(answers))
            )
            bodies = dict[str, dict[str, Any]](traces.tuples().all())
            return [_traced(line, bodies.get(line.message.id)) for line in lines]

    async def state(self, session_id: str) -> tuple[object, ...]:
        """Something that differs once anything was said, ended or judged in a session."""
        messages = select(func.count(), func.max(MessageRow.id)).where(MessageRow.session_id == session_id)
        ends = select(MessageRow.status, func.count()).where(MessageRow.session_id == session_id)
        judged = select(func.count()).select_from(FeedbackRow).join(MessageRow, MessageRow.id == FeedbackRow.message_id)
        async with self._database.read() as db:
            counted = (await db.execute(messages)).tuples().one()
            statuses = (await db.execute(ends.group_by(MessageRow.status).order_by(MessageRow.status))).tuples().all()
            return (*counted, *statuses, await db.scalar(judged.where(MessageRow.session_id == session_id)))

    async def whole(self, session_ids: Sequence[str]) -> dict[str, list[Line]]:
        """All lines of several sessions, without what the answers were made of."""
        query = _messages().where(MessageRow.session_id.in_(session_ids))
        found: dict[str, list[Line]] = {session_id: [] for session_id in session_ids}
        async with self._database.read() as db:
            rows = (await db.scalars(query)).all()
            for row, line in zip(rows, await _lines(db, rows), strict=True):
                found[row.session_id].append(line)
        return found


def _messages() -> Select[MessageRow]:
    backed = (selectinload(MessageRow.citations), selectinload(MessageRow.tool_calls))
    return select(MessageRow).options(*backed).order_by(MessageRow.session_id, MessageRow.turn, MessageRow.role.desc())


async def _lines(db: AsyncSession, rows: Sequence[MessageRow]) -> list[Line]:
    beside = await _beside(db, [row.id for row in rows])
    return [
        Line(
            message_of(row),
            tuple(beside.files[row.id]),
            row.tokens,
            row.cost,
            tuple(beside.feedback[row.id]),
            beside.escalated.get(row.id, ""),
        )
        for row in rows
    ]


async def _beside(db: AsyncSession, ids: Sequence[str]) -> _Beside:
    found = _Beside()
    files = select(AttachmentRow.message_id, AttachmentRow.name).where(AttachmentRow.message_id.in_(ids))
    for message_id, name in (await db.execute(files.order_by(AttachmentRow.position))).all():
        found.files[message_id].append(name)
    feedback = select(FeedbackRow).where(FeedbackRow.message_id.in_(ids)).order_by(FeedbackRow.id)
    for row in await db.scalars(feedback):
        found.feedback[row.message_id].append(feedback_of(row))
    for row in await db.scalars(select(EscalationRow).where(EscalationRow.message_id.in_(ids))):
        found.escalated[row.message_id] = row.author
    return found


def _traced(line: Line, body: dict[str, Any] | None) -> Line:
    message = line.message
    if message.answer is None or not body:
        return line
    return replace(line, message=replace(message, answer=replace(message.answer, trace=trace_of(body))))
