"""Sessions and their messages: questions are claimed once, answers are kept with what backs them.

Comes in: domain nouns. Goes out: domain nouns. Called by `core.answering.service`, and by the console for its lists.
"""

from datetime import datetime

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.domain.conversation import (
    Answer,
    Citation,
    Message,
    Mode,
    Question,
    Session,
    SessionKey,
    Status,
    ToolCall,
    Unfinished,
)
from core.storage.engine import Database
from core.storage.ids import new_id, now
from core.storage.models import CitationRow, MessageRow, SessionRow, ToolCallRow

TITLE_LENGTH = 120


class Sessions:
    """The repository of conversations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, question: Question) -> bool:
        """Stores a question as pending, with its session if that is new. False: this event was stored before."""
        try:
            async with self._database.begin() as db:
                session = await self._session_for(db, question)
                session.updated_at = now()
                db.add(
                    MessageRow(
                        session_id=session.id,
                        role="user",
                        text=question.text,
                        author=question.author,
                        mode=question.mode,
                        status=Status.PENDING,
                        event_id=question.event_id,
                    )
                )
        except IntegrityError:
            if await self._question_exists(question.event_id):
                return False
            return await self.claim(question)  # another question opened the same session a moment earlier
        return True

    async def place(self, event_id: str, placement: str) -> None:
        """Remembers the platform's id of the message in which this question is being answered."""
        await self._change(event_id, placement=placement)

    async def complete(self, event_id: str, answer: Answer) -> None:
        """Stores the answer to a claimed question and marks that as answered; nothing, if it was deleted meanwhile."""
        async with self._database.begin() as db:
            asked = await db.scalar(select(MessageRow).where(MessageRow.event_id == event_id))
            if asked is None:
                return
            asked.status = Status.ANSWERED
            row = MessageRow(
                id=new_id(),
                session_id=asked.session_id,
                reply_to=asked.id,
                role="assistant",
                text=answer.text,
                mode=answer.mode,
                status=Status.DELIVERED,
                covered=answer.covered,
                note=answer.note,
                model=answer.model,
                milliseconds=answer.milliseconds,
                citations=[_citation_row(citation) for citation in answer.citations],
                tool_calls=[
                    ToolCallRow(position=i, name=call.name, arguments=call.arguments, result=call.result)
                    for i, call in enumerate(answer.tool_calls)
                ],
            )
            db.add(row)
            await db.execute(update(SessionRow).where(SessionRow.id == asked.session_id).values(updated_at=now()))

    async def delivered(self, event_id: str) -> None:
        """Marks a question as done: its answer stands where it was asked."""
        await self._change(event_id, status=Status.DELIVERED)

    async def fail(self, event_id: str, reason: str) -> None:
        """Marks a question as failed, with the sentence that the asker was told."""
        await self._change(event_id, status=Status.FAILED, note=reason)

    async def abandon(self, event_id: str, reason: str) -> None:
        """Marks a question as failed unless it was answered by now."""
        async with self._database.begin() as db:
            await db.execute(
                update(MessageRow)
                .where(MessageRow.event_id == event_id, MessageRow.status == Status.PENDING)
                .values(status=Status.FAILED, note=reason)
            )

    async def unfinished(self, platform: str, since: datetime) -> list[Unfinished]:
        """Questions of a platform asked after `since` whose answers were not delivered, oldest first."""
        async with self._database.begin() as db:
            found = await db.execute(
                select(MessageRow, SessionRow)
                .join(SessionRow, SessionRow.id == MessageRow.session_id)
                .where(
                    SessionRow.platform == platform,
                    MessageRow.status.in_([Status.PENDING, Status.ANSWERED]),
                    MessageRow.created_at >= since,
                )
                .order_by(MessageRow.id)
            )
            return [await self._unfinished(db, message, session) for message, session in found.all()]

    async def transcript(self, key: SessionKey, *, last: int | None = None, settled: bool = False) -> list[Message]:
        """The messages of a session, each answer behind its question; empty when there is none.

        Only the `last` ones if asked; `settled` leaves out questions that are still to be answered.
        """
        async with self._database.begin() as db:
            session = await _find(db, key)
            if session is None:
                return []
            turn = func.coalesce(MessageRow.reply_to, MessageRow.id)
            query = _messages_of(session.id).order_by(turn.desc(), MessageRow.id.desc())
            if settled:
                query = query.where(MessageRow.status != Status.PENDING)
            rows = (await db.scalars(query.limit(last) if last else query)).all()
            return [_message(row) for row in reversed(rows)]

    async def exists(self, key: SessionKey) -> bool:
        """Whether anything was ever said at this address."""
        async with self._database.begin() as db:
            return await _find(db, key) is not None

    async def find(self, session_id: str) -> Session | None:
        """A session by its own id, or by the name that an HTTP caller gave it."""
        async with self._database.begin() as db:
            named = (SessionRow.platform == "http") & (SessionRow.thread == session_id)
            row = await db.scalar(select(SessionRow).where(or_(SessionRow.id == session_id, named)))
            if row is None:
                return None
            count = await db.scalar(select(func.count()).where(MessageRow.session_id == row.id))
            return _session(row, count or 0)

    async def list(self, *, search: str = "", limit: int = 50, offset: int = 0) -> list[Session]:
        """Sessions, the latest first; `search` matches titles, addresses and what was said."""
        counts = select(func.count()).where(MessageRow.session_id == SessionRow.id).scalar_subquery()
        query = select(SessionRow, counts).order_by(SessionRow.updated_at.desc(), SessionRow.id.desc())
        async with self._database.begin() as db:
            rows = await db.execute(_matching(query, search).limit(limit).offset(offset))
            return [_session(row, count) for row, count in rows.all()]

    async def delete(self, key: SessionKey) -> int:
        """Deletes a session with all that belongs to it; gives the number of messages that went."""
        async with self._database.begin() as db:
            session = await _find(db, key)
            if session is None:
                return 0
            count = await db.scalar(select(func.count()).where(MessageRow.session_id == session.id))
            await db.execute(delete(SessionRow).where(SessionRow.id == session.id))
            return count or 0

    async def _change(self, event_id: str, **values: str) -> None:
        async with self._database.begin() as db:
            await db.execute(update(MessageRow).where(MessageRow.event_id == event_id).values(**values))

    async def _question_exists(self, event_id: str) -> bool:
        async with self._database.begin() as db:
            return await db.scalar(select(MessageRow.id).where(MessageRow.event_id == event_id)) is not None

    async def _session_for(self, db: AsyncSession, question: Question) -> SessionRow:
        session = await _find(db, question.session)
        if session is None:
            key = question.session
            session = SessionRow(
                id=new_id(),
                platform=key.platform,
                workspace=key.workspace,
                channel=key.channel,
                thread=key.thread,
                title=" ".join(question.text.split())[:TITLE_LENGTH],
            )
            db.add(session)
            await db.flush()
        return session

    async def _unfinished(self, db: AsyncSession, message: MessageRow, session: SessionRow) -> Unfinished:
        reply = await db.scalar(_messages_of(session.id).where(MessageRow.reply_to == message.id))
        question = Question(
            session=_key(session),
            text=message.text,
            event_id=message.event_id or "",
            author=message.author,
            mode=Mode(message.mode),
        )
        return Unfinished(question, message.placement, _answer(reply) if reply else None, message.created_at)


def _matching(query: Select[SessionRow, int], search: str) -> Select[SessionRow, int]:
    if not search.strip():
        return query
    words = search.strip()
    said = (
        select(MessageRow.id)
        .where(MessageRow.session_id == SessionRow.id, MessageRow.text.icontains(words, autoescape=True))
        .exists()
    )
    columns = (SessionRow.title, SessionRow.platform, SessionRow.channel, SessionRow.thread)
    return query.where(or_(said, *(column.icontains(words, autoescape=True) for column in columns)))


async def _find(db: AsyncSession, key: SessionKey) -> SessionRow | None:
    return await db.scalar(
        select(SessionRow).where(
            SessionRow.platform == key.platform,
            SessionRow.workspace == key.workspace,
            SessionRow.channel == key.channel,
            SessionRow.thread == key.thread,
        )
    )


def _messages_of(session_id: str) -> Select[MessageRow]:
    return (
        select(MessageRow)
        .where(MessageRow.session_id == session_id)
        .options(selectinload(MessageRow.citations), selectinload(MessageRow.tool_calls))
    )


def _key(row: SessionRow) -> SessionKey:
    return SessionKey(row.platform, row.workspace, row.channel, row.thread)


def _session(row: SessionRow, messages: int) -> Session:
    return Session(row.id, _key(row), row.title, row.created_at, row.updated_at, messages)


def _message(row: MessageRow) -> Message:
    return Message(
        id=row.id,
        role=row.role,
        text=row.text,
        created_at=row.created_at,
        author=row.author,
        mode=Mode(row.mode),
        status=Status(row.status),
        note=row.note,
        answer=_answer(row) if row.role == "assistant" else None,
    )


def _answer(row: MessageRow) -> Answer:
    return Answer(
        text=row.text,
        citations=tuple(_citation(citation) for citation in row.citations),
        tool_calls=tuple(ToolCall(call.name, call.arguments, call.result) for call in row.tool_calls),
        covered=row.covered,
        mode=Mode(row.mode),
        model=row.model,
        note=row.note,
        milliseconds=row.milliseconds,
    )


def _citation(row: CitationRow) -> Citation:
    return Citation(row.number, row.passage_id, row.title, tuple(row.heading_path), row.address, row.score, row.quote)


def _citation_row(citation: Citation) -> CitationRow:
    return CitationRow(
        number=citation.number,
        passage_id=citation.passage_id,
        title=citation.title,
        heading_path=list(citation.heading_path),
        address=citation.address,
        score=citation.score,
        quote=citation.quote,
    )
