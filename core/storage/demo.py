"""Stores a demo month as if it had been asked, and takes it away again with all that it left behind.

Comes in: made-up sessions. Goes out: how many messages were stored or removed. Called by `core.operations.demo`.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, cast

import uuid_utils
from sqlalchemy import ColumnElement, Table, delete, func, insert, or_, select
from sqlalchemy.orm import Session

from core.domain.demo import DEMO, DemoSession, DemoTurn
from core.storage.counts import counted_anew
from core.storage.engine import Database
from core.storage.ids import new_id
from core.storage.models import (
    ChannelSettingsRow,
    CitationRow,
    EscalationRow,
    FeedbackRow,
    MessageRow,
    SessionRow,
    SpendingRow,
    ToolCallRow,
    TraceRow,
)
from core.storage.nouns import TRACE, citation_columns, columns_of, title_of, tool_call_columns

PLATFORMS = ("slack", "discord", "http")

Rows = dict[Table, list[dict[str, Any]]]

_ORDER = [
    cast("Table", row.__table__)
    for row in (SessionRow, MessageRow, CitationRow, ToolCallRow, TraceRow, FeedbackRow, EscalationRow, SpendingRow)
]
_sessions, _messages, _citations, _tool_calls, _traces, _feedback, _escalations, _spending = _ORDER


class DemoMonth:
    """The repository of made-up conversations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, sessions: Sequence[DemoSession]) -> int:
        """Stores sessions in the place of those that were there, in one transaction; gives the number of messages."""
        rows = _rows(sessions)

        def store(db: Session) -> int:
            _remove(db)
            for table in _ORDER:
                if rows[table]:
                    db.execute(insert(table), rows[table])
            db.execute(counted_anew(SessionRow.workspace == DEMO))
            return len(rows[_messages])

        return await self._database.transact(store)

    async def remove(self) -> int:
        """Takes everything of the workspace away, costs too; gives the number of messages."""
        return await self._database.transact(_remove)


def _remove(db: Session) -> int:
    ours = select(SessionRow.id).where(SessionRow.workspace == DEMO)
    count = db.scalar(select(func.count()).where(MessageRow.session_id.in_(ours))) or 0
    db.execute(delete(SessionRow).where(SessionRow.workspace == DEMO))
    db.execute(delete(ChannelSettingsRow).where(ChannelSettingsRow.workspace == DEMO))
    db.execute(delete(SpendingRow).where(_ours()))
    return count


def _ours() -> ColumnElement[bool]:
    """The accounts of the workspace: their keys begin with platform and workspace."""
    workspaces = [f"{platform}:{DEMO}" for platform in PLATFORMS]
    within = [SpendingRow.key.startswith(f"{workspace}:") for workspace in workspaces]
    return or_((SpendingRow.scope == "workspace") & SpendingRow.key.in_(workspaces), *within)


def _rows(sessions: Iterable[DemoSession]) -> Rows:
    rows: Rows = {table: [] for table in _ORDER}
    costs: dict[tuple[date, str, str], list[int]] = {}
    number = 0
    for session in sessions:
        session_id = _id_at(session.turns[0].at)
        rows[_sessions].append(_session_row(session_id, session))
        for turn, asked in enumerate(session.turns, 1):
            number += 1
            place = {"session_id": session_id, "turn": turn}
            _add_turn(rows, {**place, "event_id": f"{DEMO}:{number}"}, asked)
            _charge(costs, session, asked)
    for (day, scope, key), (cost, tokens) in costs.items():
        rows[_spending].append({"day": day.isoformat(), "scope": scope, "key": key, "cost": cost, "tokens": tokens})
    return rows


def _session_row(session_id: str, session: DemoSession) -> dict[str, Any]:
    first, last = session.turns[0], session.turns[-1]
    return {
        "id": session_id,
        **vars(session.key),
        "title": title_of(first.text),
        "created_at": first.at,
        "updated_at": _answered_at(last),
        "turns": len(session.turns),
    }


def _add_turn(rows: Rows, place: dict[str, Any], asked: DemoTurn) -> None:
    question = _id_at(asked.at)
    rows[_messages].append(
        {
            **_EMPTY,
            **place,
            "id": question,
            "role": "user",
            "text": asked.text,
            "author": asked.author,
            "mode": asked.mode,
            "status": asked.status,
            "note": asked.note,
            "created_at": asked.at,
        }
    )
    if asked.answer is None:
        return
    at = _answered_at(asked)
    message = _id_at(at)
    told = {**place, **columns_of(message, asked.answer), "event_id": None, "reply_to": question, "created_at": at}
    rows[_messages].append({**_EMPTY, **told})
    rows[_citations] += citation_columns(message, asked.answer)
    rows[_tool_calls] += tool_call_columns(message, asked.answer)
    rows[_traces].append({"message_id": message, "body": TRACE.dump_python(asked.answer.trace, mode="json")})
    later = at + timedelta(minutes=2)
    if verdict := asked.verdict:
        given = {**vars(verdict), "fault": verdict.fault or "", "id": new_id(), "created_at": later}
        rows[_feedback].append({"message_id": message, **given})
    if asked.called:
        rows[_escalations].append({"message_id": message, "author": asked.called, "created_at": later})


_EMPTY = {"reply_to": None, "author": "", "note": "", "covered": True, "model": ""} | dict.fromkeys(
    ("milliseconds", "first_text", "tokens", "cost"), 0
)
"""What questions and answers leave out, so that all rows of messages have the same columns."""


def _charge(costs: dict[tuple[date, str, str], list[int]], session: DemoSession, asked: DemoTurn) -> None:
    if asked.answer is None or not asked.answer.trace.cost:
        return
    workspace = f"{session.key.platform}:{session.key.workspace}"
    accounts = [
        ("user", f"{workspace}:{asked.author}"),
        ("channel", f"{workspace}:{session.key.channel}"),
        ("workspace", workspace),
    ]
    for scope, key in accounts:
        bill = costs.setdefault((asked.at.date(), scope, key), [0, 0])
        bill[0] += asked.answer.trace.cost
        bill[1] += asked.answer.trace.tokens


def _answered_at(asked: DemoTurn) -> datetime:
    return asked.at + timedelta(milliseconds=asked.answer.milliseconds if asked.answer else 0)


def _id_at(moment: datetime) -> str:
    """An id that sorts as if it had been given then."""
    seconds = int(moment.timestamp())
    return str(uuid_utils.uuid7(seconds, moment.microsecond * 1_000))
