"""Turns: a question is claimed once, and what becomes of it is written down once, whoever tries.

Comes in: questions, answers and the ids of events. Goes out: domain nouns. Called by `core.answering`. A session counts
its turns, so their order does not depend on any clock.

Each method is one transaction on a thread (`Database.transact`, `Database.look`): a turn takes several, and going back
and forth between threads with every statement took most of their time.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import cast

from sqlalchemy import Row, Select, Table, bindparam, delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from core.domain.conversation import (
    AWAITED,
    Answer,
    Asked,
    Manner,
    Memory,
    Message,
    Mode,
    Question,
    SessionKey,
    Status,
    Told,
)
from core.storage.counts import counted_anew
from core.storage.engine import Database
from core.storage.ids import new_id, now
from core.storage.models import AttachmentRow, CitationRow, MessageRow, SessionRow, ToolCallRow, TraceRow
from core.storage.nouns import (
    TRACE,
    answer_of,
    at,
    attachment_columns,
    citation_columns,
    columns_of,
    question_of,
    title_of,
    tool_call_columns,
    trace_of,
)

MEMORY_MESSAGES = 80
"""Recent messages that a turn looks at, at most; those that do not fit are condensed before there are so many."""

OPEN = (Status.PENDING, Status.ANSWERED)

_sessions, _messages, _traces = (cast("Table", row.__table__) for row in (SessionRow, MessageRow, TraceRow))


@dataclass(frozen=True)
class Begun:
    """A question that is about to be answered, and what is remembered of its session; or it `waits` for another."""

    asked: Asked
    memory: Memory
    waits: bool = False


class Turns:
    """The repository of turns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, question: Question, keeper: str = "") -> int | None:
        """Stores a question as pending, with its session if that is new. None: this event was stored before.

        Gives the number of the turn in its session, from 1. `keeper` is the process that promises an answer.
        """
        try:
            return await self._database.transact(partial(_claim, question, keeper))
        except IntegrityError:
            if await self.get(question.event_id):
                return None
            return await self.claim(question, keeper)  # another question opened the same session a moment earlier

    async def get(self, event_id: str) -> Asked | None:
        """A question with its answer, if it was stored and not deleted since."""

        def look(db: Session) -> Asked | None:
            row = db.execute(_asked().where(MessageRow.event_id == event_id)).one_or_none()
            return _with_answer(db, row) if row else None

        return await self._database.look(look)

    async def standing(self, event_id: str) -> Asked | None:
        """A question as it stands now, reworded or not, by the id that it was first asked under."""
        reworded = MessageRow.event_id.startswith(f"{event_id}:edit:", autoescape=True)
        by_the_crew = MessageRow.event_id.endswith(":crew", autoescape=True)  # asked for with a button
        here = or_(MessageRow.event_id == event_id, reworded & ~by_the_crew)
        query = select(MessageRow.event_id).where(here).order_by(MessageRow.id.desc()).limit(1)
        found = await self._database.look(lambda db: db.scalar(query))
        return await self.get(found) if found else None

    async def open_in(self, session: SessionKey, author: str) -> list[str]:
        """What a person asked in a session that is still to be answered, by the ids of its events."""
        query = (
            select(MessageRow.event_id)
            .join(SessionRow, SessionRow.id == MessageRow.session_id)
            .where(*at(session), MessageRow.author == author, MessageRow.status == Status.PENDING)
        )
        return await self._database.look(lambda db: [event_id or "" for event_id in db.scalars(query)])

    async def begin(self, event_id: str, *, after_all: bool = True) -> Begun | None:
        """What a turn begins with. None: its question was deleted.

        It waits for earlier questions of its session that are still to be answered, unless `after_all` is False.
        """

        def look(db: Session) -> Begun | None:
            row = db.execute(_asked().where(MessageRow.event_id == event_id)).one_or_none()
            if row is None:
                return None
            asked, session = row
            question = _read(asked, session, attached=_attached(db, asked))
            if after_all and asked.turn > 1 and db.scalar(_earlier(asked)):
                return Begun(question, Memory(), waits=True)
            recent = _recent(db, session, asked.turn) if asked.turn > 1 else ()
            return Begun(question, Memory(recent, session.summary))

        return await self._database.look(look)

    async def place(self, event_id: str, placement: str) -> None:
        """Remembers the platform's id of the message in which this question is being answered."""
        await self._change(event_id, {"placement": placement})

    async def supersede(self, event_id: str, question: Question, keeper: str = "") -> int | None:
        """Puts another question in the place of one that was reworded; its answer goes, its placement stays.

        Gives the number of the new turn. None: the old question is gone, or the new one was stored before.
        """
        try:
            return await self._database.transact(partial(_supersede, event_id, question, keeper))
        except IntegrityError:
            return None

    async def withdraw(self, event_id: str) -> Asked | None:
        """Deletes a question with its answer; gives what was there."""

        def delete_turn(db: Session) -> Asked | None:
            row = db.execute(_asked().where(MessageRow.event_id == event_id)).one_or_none()
            if row is None:
                return None
            gone = _with_answer(db, row)
            db.execute(delete(_messages).where(_messages.c.event_id == event_id))
            db.execute(counted_anew(SessionRow.id == row[1].id))
            return gone

        return await self._database.transact(delete_turn)

    async def frequent(self, platform: str, workspace: str, since: datetime, count: int) -> list[str]:
        """Questions that several people of a workspace were answered since then, the most often asked first."""
        answered = select(MessageRow.reply_to).where(MessageRow.role == "assistant", MessageRow.covered)
        query = (
            select(MessageRow.text)
            .join(SessionRow, SessionRow.id == MessageRow.session_id)
            .where(SessionRow.platform == platform, SessionRow.workspace == workspace)
            .where(MessageRow.created_at >= since, MessageRow.id.in_(answered))
            .where(MessageRow.turn == 1, MessageRow.manner != Manner.PRIVATE)
            .group_by(MessageRow.text)
            .having(func.count(MessageRow.author.distinct()) > 1)
            .order_by(func.count().desc(), func.max(MessageRow.id).desc())
            .limit(count)
        )
        return await self._database.look(lambda db: list(db.scalars(query).all()))

    async def complete(self, event_id: str, answer: Answer, status: Status = Status.ANSWERED) -> str | None:
        """Stores the answer to a pending question, whose status becomes `status`; gives the answer's message id.

        None: the question was deleted, stopped or answered meanwhile, and nothing was stored.
        """
        return await self._database.transact(partial(_complete, event_id, answer, status))

    async def delivered(self, event_id: str) -> None:
        """Marks a question as done: its answer stands where it was asked."""
        await self._change(event_id, {"status": Status.DELIVERED}, among=OPEN)

    async def fail(self, event_id: str, reason: str, among: Iterable[Status] = (Status.PENDING,)) -> bool:
        """Marks a question as failed, with the sentence that the asker was told. False: it had ended before."""
        return await self._change(event_id, {"status": Status.FAILED, "note": reason}, among=among, counted=True)

    async def stop(self, event_id: str, reason: str) -> bool:
        """Marks a question as stopped by its asker. False: it was answered, or had ended, before."""
        return await self._change(event_id, {"status": Status.STOPPED, "note": reason}, among=[Status.PENDING])

    async def unfinished(self, platform: str, since: datetime) -> list[Asked]:
        """Questions of a platform asked after `since` whose answers were not delivered, in the order of asking."""
        query = _asked().where(
            SessionRow.platform == platform, MessageRow.status.in_(OPEN), MessageRow.created_at >= since
        )
        ordered = query.order_by(MessageRow.session_id, MessageRow.turn)
        return await self._database.look(lambda db: [_with_answer(db, row) for row in db.execute(ordered).all()])

    async def adopt(
        self, platform: str, since: datetime, keeper: str, gone: Collection[str] | None = None
    ) -> list[Asked]:
        """Takes over, for `keeper`, what processes that are `gone` left unfinished; nobody gets it twice.

        Without `gone`, all others are.
        """
        here = select(SessionRow.id).where(SessionRow.platform == platform)
        left = (
            MessageRow.role == "user",
            MessageRow.status.in_(OPEN),
            MessageRow.keeper != keeper if gone is None else MessageRow.keeper.in_(gone),
            MessageRow.created_at >= since,
            MessageRow.session_id.in_(here),
        )
        taken = update(MessageRow).where(*left).values(keeper=keeper).returning(MessageRow.event_id)
        mine = await self._database.transact(lambda db: set(db.scalars(taken).all()))
        return [asked for asked in await self.unfinished(platform, since) if asked.question.event_id in mine]

    async def keeper(self, event_id: str) -> str | None:
        """The process that promises an answer to a question now. None: there is no such question."""
        query = select(MessageRow.keeper).where(MessageRow.event_id == event_id)
        return await self._database.look(lambda db: db.scalar(query))

    async def keep(self, event_id: str, keeper: str) -> None:
        """Has a question answered for by another process from now on."""
        await self._change(event_id, {"keeper": keeper})

    async def stopped_among(self, event_ids: Collection[str]) -> list[str]:
        """Those of the questions that were stopped or deleted meanwhile, wherever that was asked for."""
        query = select(MessageRow.event_id).where(
            MessageRow.event_id.in_(event_ids), MessageRow.status != Status.STOPPED
        )
        going = await self._database.look(lambda db: set(db.scalars(query).all()))
        return [event_id for event_id in event_ids if event_id not in going]

    async def condense(self, event_id: str, summary: str, through: int) -> None:
        """Keeps a summary of the session of a question, of all turns up to `through`."""
        session = select(MessageRow.session_id).where(MessageRow.event_id == event_id).scalar_subquery()
        here = (SessionRow.id == session, SessionRow.summarised < through)
        kept = update(SessionRow).where(*here).values(summary=summary, summarised=through)
        await self._database.transact(lambda db: db.execute(kept))

    async def told(self, message_id: str) -> Told | None:
        """An answer with its trace and what was remembered then, by its id or its question's, or the end of one."""
        return await self._database.look(partial(_told, message_id)) if message_id else None

    async def _change(
        self, event_id: str, values: dict[str, str], *, among: Iterable[Status] = Status, counted: bool = False
    ) -> bool:
        here = (_messages.c.event_id == event_id, _messages.c.status.in_(tuple(among)))
        change = update(_messages).where(*here).values(**values).returning(_messages.c.session_id)

        def make(db: Session) -> bool:
            session = db.scalar(change)
            if session and counted:
                db.execute(counted_anew(SessionRow.id == session))
            return session is not None

        return await self._database.transact(make)


_NEXT_TURN = (
    update(_sessions)
    .where(*(_sessions.c[name] == bindparam(f"at_{name}") for name in ("platform", "workspace", "channel", "thread")))
    .values(turns=_sessions.c.turns + 1, updated_at=bindparam("moment"), floor="", resolved_at=None, resolved_by="")
    .values(agents=_sessions.c.agents + bindparam("agent"), crews=_sessions.c.crews + bindparam("crew"))
    .returning(_sessions.c.id, _sessions.c.turns)
)
_NEW_SESSION, _NEW_MESSAGE = insert(_sessions), insert(_messages)
_ANSWERED = (
    update(_messages)
    .where(_messages.c.event_id == bindparam("event"), _messages.c.status == Status.PENDING)
    .values(status=bindparam("becomes"))
    .returning(_messages.c.id, _messages.c.session_id, _messages.c.turn)
)
_SPOKE = (
    update(_sessions)
    .where(_sessions.c.id == bindparam("session"))
    .values(updated_at=bindparam("moment"), cost=_sessions.c.cost + bindparam("cost"))
    .values(uncovered=_sessions.c.uncovered + bindparam("uncovered"))
)
_BACKING = [(CitationRow.__table__, citation_columns), (ToolCallRow.__table__, tool_call_columns)]


def _claim(question: Question, keeper: str, db: Session, placement: str = "") -> int:
    session_id, turn = _next_turn(db, question)
    message = new_id()
    row = {
        "id": message,
        "session_id": session_id,
        "turn": turn,
        "role": "user",
        "text": question.text,
        "author": question.author,
        "mode": question.mode,
        "status": Status.PENDING,
        "event_id": question.event_id,
        "placement": placement,
        "manner": question.manner,
        "asked_at": question.asked_at,
        "keeper": keeper,
    }
    db.execute(_NEW_MESSAGE, row)
    if question.attachments:
        db.execute(insert(cast("Table", AttachmentRow.__table__)), attachment_columns(message, question))
    return turn


def _supersede(event_id: str, question: Question, keeper: str, db: Session) -> int | None:
    here = _messages.c.event_id == event_id
    left = (_messages.c.placement, _messages.c.session_id)
    gone = db.execute(delete(_messages).where(here).returning(*left)).one_or_none()
    if gone is None:
        return None
    db.execute(counted_anew(SessionRow.id == gone.session_id))
    return _claim(question, keeper, db, gone.placement)


def _next_turn(db: Session, question: Question) -> tuple[str, int]:
    """The session of a question, opened if need be, and the number of its next turn."""
    key = question.session
    address = {"platform": key.platform, "workspace": key.workspace, "channel": key.channel, "thread": key.thread}
    crew = int(question.mode is Mode.CREW)
    here = {f"at_{name}": value for name, value in address.items()}
    known = db.execute(_NEXT_TURN, {**here, "moment": now(), "agent": 1 - crew, "crew": crew})
    if row := known.one_or_none():
        return row.id, row.turns
    session_id, title = new_id(), title_of(question.text)
    counted = {"turns": 1, "agents": 1 - crew, "crews": crew}
    db.execute(_NEW_SESSION, {"id": session_id, "title": title, **counted, **address})
    return session_id, 1


def _complete(event_id: str, answer: Answer, status: Status, db: Session) -> str | None:
    asked = db.execute(_ANSWERED, {"event": event_id, "becomes": status}).one_or_none()
    if asked is None:
        return None
    message = new_id()
    place = {"session_id": asked.session_id, "reply_to": asked.id, "turn": asked.turn}
    db.execute(_NEW_MESSAGE, {**columns_of(message, answer), **place})
    for table, columns in _BACKING:
        if rows := columns(message, answer):
            db.execute(insert(cast("Table", table)), rows)
    body = TRACE.dump_python(answer.trace, mode="json")
    db.execute(insert(_traces), {"message_id": message, "body": body})
    spoke = {"session": asked.session_id, "moment": now(), "cost": answer.trace.cost}
    db.execute(_SPOKE, {**spoke, "uncovered": int(not answer.covered)})
    return message


def _told(message_id: str, db: Session) -> Told | None:
    wanted = or_(MessageRow.id.endswith(message_id, autoescape=True), MessageRow.reply_to == message_id)
    query = select(MessageRow.reply_to, MessageRow.id).where(wanted, MessageRow.role == "assistant").limit(2)
    found = db.execute(query).all()
    if len(found) != 1:
        return None
    asked, session = db.execute(_asked().where(MessageRow.id == found[0].reply_to)).one()
    reply = db.scalars(_replies().where(MessageRow.id == found[0].id)).one()
    answer, recent = _with_trace(db, reply), _recent(db, session, asked.turn, since=0)
    memory = Memory(recent[len(recent) - answer.trace.remembered :], answer.trace.summary)
    return Told(reply.id, question_of(asked, session, _attached(db, asked)), memory, answer)


def _recent(db: Session, session: SessionRow, turn: int, since: int | None = None) -> tuple[Message, ...]:
    """The messages before a turn that are not condensed yet, oldest first; without citations and tool calls."""
    query = (
        select(MessageRow)
        .where(
            MessageRow.session_id == session.id,
            MessageRow.turn > (session.summarised if since is None else since),
            MessageRow.turn < turn,
            MessageRow.status != Status.PENDING,
        )
        .order_by(MessageRow.turn.desc(), MessageRow.role)
        .limit(MEMORY_MESSAGES)
    )
    return tuple(
        Message(
            row.id, row.role, row.text, row.created_at, row.author, Mode(row.mode), Status(row.status), turn=row.turn
        )
        for row in reversed(db.scalars(query).all())
    )


def _earlier(asked: MessageRow) -> Select[bool]:
    """Whether an earlier question of a session is still to be answered."""
    before = (
        MessageRow.session_id == asked.session_id,
        MessageRow.turn < asked.turn,
        MessageRow.role == "user",
        MessageRow.status == Status.PENDING,
    )
    return select(exists().where(*before))


def _asked() -> Select[MessageRow, SessionRow]:
    return select(MessageRow, SessionRow).join(SessionRow, SessionRow.id == MessageRow.session_id)


def _replies() -> Select[MessageRow]:
    return select(MessageRow).options(selectinload(MessageRow.citations), selectinload(MessageRow.tool_calls))


def _with_answer(db: Session, row: Row[MessageRow, SessionRow]) -> Asked:
    asked, session = row
    reply = None
    if asked.status not in {Status.PENDING, Status.FAILED, Status.STOPPED}:
        reply = db.scalar(_replies().where(MessageRow.reply_to == asked.id))
    return _read(asked, session, _with_trace(db, reply) if reply else None, _attached(db, asked))


def _with_trace(db: Session, reply: MessageRow) -> Answer:
    return answer_of(reply, trace_of(db.scalar(select(TraceRow.body).where(TraceRow.message_id == reply.id))))


def _attached(db: Session, asked: MessageRow) -> Sequence[AttachmentRow]:
    query = select(AttachmentRow).where(AttachmentRow.message_id == asked.id).order_by(AttachmentRow.position)
    return db.scalars(query).all()


def _read(
    row: MessageRow, session: SessionRow, answer: Answer | None = None, attached: Sequence[AttachmentRow] = ()
) -> Asked:
    status, kept = Status(row.status), session.platform not in AWAITED
    return Asked(question_of(row, session, attached), row.turn, status, row.placement, answer, row.note, kept)
