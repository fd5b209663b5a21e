"""Sessions and their messages, as lists and transcripts show them.

Comes in: addresses and ids. Goes out: domain nouns. Called by HTTP and the console; turns are written by
`core.storage.turns`.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from core.domain.channels import Address, Floor
from core.domain.conversation import Message, Session, SessionKey, Status
from core.storage.engine import Database
from core.storage.ids import now
from core.storage.models import MessageRow, SessionRow
from core.storage.nouns import at, key_of, message_of, session_of


class Sessions:
    """The repository of conversations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def transcript(self, key: SessionKey, *, last: int | None = None, settled: bool = False) -> list[Message]:
        """The messages of a session, each answer behind its question; empty when there is none.

        Only the `last` ones if asked; `settled` leaves out questions that are still to be answered.
        """
        async with self._database.read() as db:
            session = await db.scalar(select(SessionRow).where(*at(key)))
            if session is None:
                return []
            query = _messages_of(session.id).order_by(MessageRow.turn.desc(), MessageRow.role)
            if settled:
                query = query.where(MessageRow.status != Status.PENDING)
            rows = (await db.scalars(query.limit(last) if last else query)).all()
            return [message_of(row) for row in reversed(rows)]

    async def exists(self, key: SessionKey) -> bool:
        """Whether anything was ever said at this address."""
        async with self._database.read() as db:
            return await db.scalar(select(SessionRow).where(*at(key))) is not None

    async def floor(self, key: SessionKey) -> Floor | None:
        """Who has the word in a conversation; None when we take no part in it."""
        async with self._database.read() as db:
            session = await db.scalar(select(SessionRow).where(*at(key)))
            if session is None:
                return None
            asked = (MessageRow.session_id == session.id, MessageRow.role == "user")
            askers = await db.scalars(select(MessageRow.author).where(*asked).distinct())
            return Floor(frozenset(askers.all()), session.floor, session.resolved_at is not None)

    async def overheard(self, key: SessionKey, person: str) -> None:
        """Notes that somebody spoke to others in a conversation; the next question to us ends that."""
        await self._change(key, floor=person)

    async def resolve(self, key: SessionKey, person: str) -> bool:
        """Marks a conversation as over; False when it was, or is unknown."""
        return await self._change(key, SessionRow.resolved_at.is_(None), resolved_at=now(), resolved_by=person)

    async def move(self, key: SessionKey, new: SessionKey) -> bool:
        """Gives a conversation another address; False when it is unknown, or another one is held there."""
        try:
            return await self._change(key, workspace=new.workspace, channel=new.channel, thread=new.thread)
        except IntegrityError:
            return False

    async def recent(self, platform: str, since: datetime, limit: int) -> list[SessionKey]:
        """The addresses of a platform's conversations in which something was said since then, the latest first."""
        query = select(SessionRow).where(SessionRow.platform == platform, SessionRow.updated_at >= since)
        async with self._database.read() as db:
            rows = await db.scalars(query.order_by(SessionRow.updated_at.desc()).limit(limit))
            return [key_of(row) for row in rows]

    async def places(self, platforms: Collection[str], limit: int) -> list[Address]:
        """The channels in which conversations are held, the latest first."""
        address = (SessionRow.platform, SessionRow.workspace, SessionRow.channel)
        query = select(*address).where(SessionRow.platform.in_(platforms)).group_by(*address)
        async with self._database.read() as db:
            rows = await db.execute(query.order_by(func.max(SessionRow.updated_at).desc()).limit(limit))
            return [Address(*row) for row in rows.all()]

    async def of_person(self, platform: str, workspace: str, person: str, limit: int) -> list[Session]:
        """The conversations in which a person asked us something, the latest first."""
        theirs = select(MessageRow.id).where(MessageRow.session_id == SessionRow.id, MessageRow.author == person)
        here = (SessionRow.platform == platform, SessionRow.workspace == workspace, theirs.exists())
        query = select(SessionRow).where(*here).order_by(SessionRow.updated_at.desc()).limit(limit)
        async with self._database.read() as db:
            return [session_of(row, 0) for row in await db.scalars(query)]

    async def find(self, session_id: str) -> Session | None:
        """A session by its own id, or by the name that an HTTP caller gave it."""
        async with self._database.read() as db:
            named = (SessionRow.platform == "http") & (SessionRow.thread == session_id)
            row = await db.scalar(select(SessionRow).where(or_(SessionRow.id == session_id, named)))
            if row is None:
                return None
            count = await db.scalar(select(func.count()).where(MessageRow.session_id == row.id))
            return session_of(row, count or 0)

    async def list(self, *, limit: int = 50) -> list[Session]:
        """Sessions, the latest first."""
        counts = select(func.count()).where(MessageRow.session_id == SessionRow.id).scalar_subquery()
        query = select(SessionRow, counts).order_by(SessionRow.updated_at.desc(), SessionRow.id.desc())
        async with self._database.read() as db:
            rows = await db.execute(query.limit(limit))
            return [session_of(row, count) for row, count in rows.all()]

    async def delete(self, key: SessionKey) -> int:
        """Deletes a session with all that belongs to it; gives the number of messages that went."""
        async with self._database.begin() as db:
            session = await db.scalar(select(SessionRow).where(*at(key)))
            if session is None:
                return 0
            count = await db.scalar(select(func.count()).where(MessageRow.session_id == session.id))
            await db.execute(delete(SessionRow).where(SessionRow.id == session.id))
            return count or 0

    async def _change(self, key: SessionKey, *conditions: ColumnElement[bool], **values: object) -> bool:
        async with self._database.begin() as db:
            changed = await db.scalars(
                update(SessionRow).where(*at(key), *conditions).values(**values).returning(SessionRow.id)
            )
            return bool(changed.all())


def _messages_of(session_id: str) -> Select[MessageRow]:
    return (
        select(MessageRow)
        .where(MessageRow.session_id == session_id)
        .options(selectinload(MessageRow.citations), selectinload(MessageRow.tool_calls))
    )
