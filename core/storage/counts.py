"""What a session counts of its messages, counted anew.

Comes in: which sessions. Goes out: the statement. A question and its answer are counted as they come, by
`core.storage.turns`; whatever else changes a message, or takes one away, has its session counted anew.
"""

from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Update, func, select, update

from core.domain.channels import Verdict
from core.domain.conversation import Mode, Status
from core.storage.models import EscalationRow, FeedbackRow, MessageRow, SessionRow

_theirs = MessageRow.session_id == SessionRow.id
_answer = MessageRow.role == "assistant"


def counted_anew(*which: ColumnElement[bool]) -> Update:
    """Counts the messages of sessions, and what people made of them."""
    values = {
        "agents": _number(MessageRow.role == "user", MessageRow.mode == Mode.AGENT),
        "crews": _number(MessageRow.role == "user", MessageRow.mode == Mode.CREW),
        "uncovered": _number(_answer, MessageRow.covered.is_(False)),
        "failed": _number(MessageRow.status == Status.FAILED),
        "helpful": _verdicts(Verdict.HELPFUL),
        "unhelpful": _verdicts(Verdict.NOT_HELPFUL),
        "escalated": _beside(EscalationRow.message_id),
        "cost": select(func.coalesce(func.sum(MessageRow.cost), 0)).where(_theirs).scalar_subquery(),
    }
    return update(SessionRow).where(*which).values(values).execution_options(synchronize_session=False)


def session_of_message(message_id: str) -> ColumnElement[bool]:
    """The session that a message belongs to."""
    here = select(MessageRow.session_id).where(MessageRow.id == message_id)
    return SessionRow.id == here.scalar_subquery()


def _number(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).where(_theirs, *conditions).correlate(SessionRow).scalar_subquery()


def _verdicts(verdict: Verdict) -> ScalarSelect[int]:
    return _beside(FeedbackRow.message_id, FeedbackRow.verdict == verdict)


def _beside(message_id: Any, *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return _number(message_id == MessageRow.id, *conditions)
