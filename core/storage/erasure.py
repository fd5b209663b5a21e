"""Takes away what a person said and clicked.

Comes in: a platform and a person's id there. Goes out: how much there was. Called by `core.answering.erasure`. Where
only they asked, the whole session goes; where others did too, their questions go with the answers, and the title and
what was remembered of the session are made of what is left.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from core.domain.history import Erased
from core.storage.counts import counted_anew
from core.storage.engine import Database
from core.storage.models import EscalationRow, FeedbackRow, MessageRow, SessionRow, SpendingRow, TraceRow
from core.storage.nouns import title_of

AT_ONCE = 500
"""Sessions that one statement names."""


class Erasures:
    """The repository of what is erased."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, platform: str, person: str) -> Erased:
        """How much of a person there is; nobody without an id is looked for."""
        return await self._database.look(lambda db: _count(db, platform, person)) if person else Erased()

    async def erase(self, platform: str, person: str) -> Erased:
        """Takes everything of a person away, all of it or nothing, and says how much it was."""
        return await self._database.transact(lambda db: _erase(db, platform, person)) if person else Erased()


def _count(db: Session, platform: str, person: str) -> Erased:
    alone, shared = _sessions(db, platform, person)
    messages = 0
    for ids in _parts(alone):
        messages += db.scalar(select(func.count()).where(MessageRow.session_id.in_(ids))) or 0
    for ids in _parts(shared):
        messages += db.scalar(select(func.count()).where(*_theirs(ids, person))) or 0
    here = _on(platform)
    verdicts = select(func.count()).where(FeedbackRow.author == person, FeedbackRow.message_id.in_(here))
    calls = select(func.count()).where(EscalationRow.author == person, EscalationRow.message_id.in_(here))
    return Erased(len(alone), messages, db.scalar(verdicts) or 0, db.scalar(calls) or 0)


def _erase(db: Session, platform: str, person: str) -> Erased:
    gone, (alone, shared) = _count(db, platform, person), _sessions(db, platform, person)
    touched = _clicked(db, platform, person)
    for row in (FeedbackRow, EscalationRow):
        db.execute(delete(row).where(row.author == person, row.message_id.in_(_on(platform))))
    for ids in _parts(alone):
        db.execute(delete(SessionRow).where(SessionRow.id.in_(ids)))
    for ids in _parts(shared):
        db.execute(delete(MessageRow).where(*_theirs(ids, person), MessageRow.role == "user"))
        db.execute(update(SessionRow).where(SessionRow.id.in_(ids)).values(summary="", summarised=0))
        _rename(db, ids)
        _forget_remembered(db, ids)
    for ids in _parts([*{*shared, *touched} - {*alone}]):
        db.execute(counted_anew(SessionRow.id.in_(ids)))
    for column in (SessionRow.floor, SessionRow.resolved_by):
        db.execute(update(SessionRow).where(SessionRow.platform == platform, column == person).values({column: ""}))
    theirs = (SpendingRow.scope == "user", SpendingRow.key.startswith(f"{platform}:", autoescape=True))
    db.execute(delete(SpendingRow).where(*theirs, SpendingRow.key.endswith(f":{person}", autoescape=True)))
    return gone


def _sessions(db: Session, platform: str, person: str) -> tuple[Sequence[str], Sequence[str]]:
    """The sessions in which only they asked, and those in which others did too."""
    asked, other = aliased(MessageRow), aliased(MessageRow)
    others = exists().where(other.session_id == SessionRow.id, other.role == "user", other.author != person)
    mine = select(asked.session_id).where(asked.author == person, asked.author != "")
    here = select(SessionRow.id).where(SessionRow.platform == platform, SessionRow.id.in_(mine))
    return db.scalars(here.where(~others)).all(), db.scalars(here.where(others)).all()


def _theirs(sessions: Sequence[str], person: str) -> tuple[ColumnElement[bool], ...]:
    """Their questions and the answers to them."""
    question = aliased(MessageRow)
    asked = select(question.id).where(question.session_id.in_(sessions), question.author == person)
    return (
        MessageRow.session_id.in_(sessions),
        or_(MessageRow.author == person, MessageRow.reply_to.in_(asked)),
    )


def _on(platform: str) -> Select[str]:
    return (
        select(MessageRow.id)
        .join(SessionRow, SessionRow.id == MessageRow.session_id)
        .where(SessionRow.platform == platform)
    )


def _clicked(db: Session, platform: str, person: str) -> set[str]:
    """The sessions whose answers they judged, or called a human for."""
    found = set[str]()
    for row in (FeedbackRow, EscalationRow):
        query = select(MessageRow.session_id).join(row, row.message_id == MessageRow.id)
        found.update(db.scalars(query.where(row.author == person, MessageRow.id.in_(_on(platform)))))
    return found


def _rename(db: Session, sessions: Sequence[str]) -> None:
    """Gives sessions the title of their first question, which may be another one now."""
    firsts = select(func.min(MessageRow.turn)).where(MessageRow.session_id == SessionRow.id, MessageRow.role == "user")
    query = select(SessionRow.id, MessageRow.text).join(MessageRow, MessageRow.session_id == SessionRow.id)
    first = query.where(
        SessionRow.id.in_(sessions), MessageRow.role == "user", MessageRow.turn == firsts.scalar_subquery()
    )
    for session_id, text in db.execute(first).all():
        db.execute(update(SessionRow).where(SessionRow.id == session_id).values(title=title_of(text)))


def _forget_remembered(db: Session, sessions: Sequence[str]) -> None:
    """Empties what later answers of sessions were told of earlier turns."""
    traces = select(TraceRow).join(MessageRow, MessageRow.id == TraceRow.message_id)
    for row in db.scalars(traces.where(MessageRow.session_id.in_(sessions))):
        if row.body.get("summary"):
            row.body = {**row.body, "summary": ""}


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]
