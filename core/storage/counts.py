"""What a session counts of its messages, counted anew.

Comes in: which sessions. Goes out: the statement. A question and its answer are counted as they come, by
`core.storage.turns`; whatever else changes a message, or takes one away, has its session counted anew.
"""

from sqlalchemy import ColumnElement, ScalarSelect, Update, case, func, select, true, update

from core.domain.channels import Verdict
from core.domain.conversation import Mode, Status
from core.storage.models import EscalationRow, FeedbackRow, MessageRow, SessionRow

_theirs = MessageRow.session_id == SessionRow.id


def counted_anew(*which: ColumnElement[bool]) -> Update:
    """Counts the messages of sessions, and what people made of them."""
    values = {
        "agents": _number((MessageRow.role == "user") & (MessageRow.mode == Mode.AGENT)),
        "crews": _number((MessageRow.role == "user") & (MessageRow.mode == Mode.CREW)),
        "uncovered": _number((MessageRow.role == "assistant") & MessageRow.covered.is_(False)),
        "failed": _number(MessageRow.status == Status.FAILED),
        "helpful": _verdicts(Verdict.HELPFUL),
        "unhelpful": _verdicts(Verdict.NOT_HELPFUL),
        "escalated": _number(true(), EscalationRow.message_id == MessageRow.id),
        "cost": select(func.coalesce(func.sum(MessageRow.cost), 0)).where(_theirs).scalar_subquery(),
    }
    return update(SessionRow).where(*which).values(values).execution_options(synchronize_session=False)


def session_of_message(message_id: str) -> ColumnElement[bool]:
    """The session that a message belongs to."""
    here = select(MessageRow.session_id).where(MessageRow.id == message_id)
    return SessionRow.id == here.scalar_subquery()


def _number(condition: ColumnElement[bool], *beside: ColumnElement[bool]) -> ScalarSelect[int]:
    """Of a session's messages, those of which a condition holds; as a WHERE it would tempt SQLite to other indexes."""
    number = func.count(case((condition, 1)))
    return select(number).where(_theirs, *beside).correlate(SessionRow).scalar_subquery()


def _verdicts(verdict: Verdict) -> ScalarSelect[int]:
    return _number(FeedbackRow.verdict == verdict, FeedbackRow.message_id == MessageRow.id)
