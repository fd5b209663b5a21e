"""The list of conversations, filtered and in parts, and all that is kept of one.

Comes in: a filter and a place in the list. Goes out: domain nouns. Called by the console.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Select, TextClause, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from core.domain.conversation import Mode
from core.domain.history import Cursor, Listed, Listing, Opinion, SessionFilter
from core.storage.engine import Database
from core.storage.models import MessageRow, SessionRow
from core.storage.nouns import session_of
from core.storage.search import Search

Condition = ColumnElement[bool] | TextClause

NEWEST = (SessionRow.updated_at.desc(), SessionRow.id.desc())
OLDEST = (SessionRow.updated_at, SessionRow.id)


class Conversations:
    """The repository of conversations as they are looked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: SessionFilter, limit: int, *, older_than: Cursor | None = None, newer_than: Cursor | None = None
    ) -> Listing:
        """The sessions that are wanted, the latest first: the first of them, or those beside a place in the list."""
        async with self._database.read() as db:
            found = await self._ids(db, wanted, limit + 1, older_than, newer_than)
            more = len(found) > limit
            if newer_than and not more:  # there is no full part any more: the first one is
                found = await self._ids(db, wanted, limit + 1)
                older_than, newer_than, more = None, None, len(found) > limit
            found = found[:limit]
            if newer_than:
                found.reverse()
            items = await self._listed(db, wanted, [place.id for place in found])
        newer = found[0] if found and (older_than or newer_than) else None
        older = found[-1] if found and (more or newer_than) else None
        return Listing(tuple(items), newer, older)

    async def _ids(
        self,
        db: AsyncSession,
        wanted: SessionFilter,
        limit: int,
        older_than: Cursor | None = None,
        newer_than: Cursor | None = None,
    ) -> list[Cursor]:
        conditions: list[Condition] = list(_conditions(wanted, embedded=self._database.embedded))
        if wanted.search.strip():
            search = Search(wanted.search, embedded=self._database.embedded)
            conditions.append(await search.condition(db))
        place = tuple_(SessionRow.updated_at, SessionRow.id)
        if older_than:
            conditions.append(place < (older_than.moment, older_than.id))
        if newer_than:
            conditions.append(place > (newer_than.moment, newer_than.id))
        order = OLDEST if newer_than else NEWEST
        query = select(SessionRow.updated_at, SessionRow.id).where(*conditions).order_by(*order).limit(limit)
        return [Cursor(moment, session_id) for moment, session_id in (await db.execute(query)).all()]

    async def _listed(self, db: AsyncSession, wanted: SessionFilter, ids: Sequence[str]) -> list[Listed]:
        counts = select(func.count()).where(MessageRow.session_id == SessionRow.id).scalar_subquery()
        query = select(SessionRow, counts).where(SessionRow.id.in_(ids)).order_by(*NEWEST)
        rows = (await db.execute(query)).all()
        search = Search(wanted.search, embedded=self._database.embedded)
        hits = {} if search.empty or not ids else await search.found(db, ids)
        return [_listed(row, count, hits.get(row.id, "")) for row, count in rows]


def _conditions(wanted: SessionFilter, *, embedded: bool) -> Iterator[ColumnElement[bool]]:
    """All but the search: where, by whom and when, and how it went, over the columns of one index."""
    yield from _circumstances(wanted, embedded=embedded)
    row = SessionRow
    if wanted.mode:
        yield (row.crews if wanted.mode is Mode.CREW else row.agents) > 0
    if wanted.opinion:
        yield _thought(wanted.opinion)
    if wanted.covered is not None:
        yield (row.uncovered == 0) if wanted.covered else (row.uncovered > 0)
    if wanted.escalated:
        yield row.escalated > 0
    if wanted.failed:
        yield row.failed > 0
    if wanted.cost_over:
        yield row.cost > wanted.cost_over


def _circumstances(wanted: SessionFilter, *, embedded: bool) -> Iterator[ColumnElement[bool]]:
    row = SessionRow
    if wanted.platform:  # as a bare column, SQLite looks it up in the index of addresses and sorts half of all sessions
        yield (row.platform.concat("") if embedded else row.platform) == wanted.platform
    if wanted.channel:
        yield row.channel == wanted.channel
    if wanted.person:
        yield row.id.in_(_asked_by(wanted.person))
    if wanted.since:
        yield row.updated_at >= wanted.since
    if wanted.until:
        yield row.updated_at < wanted.until


def _asked_by(person: str) -> Select[str]:
    return select(MessageRow.session_id).where(MessageRow.author == person, MessageRow.author != "")


def _thought(opinion: Opinion) -> ColumnElement[bool]:
    if opinion is Opinion.NONE:
        return (SessionRow.helpful == 0) & (SessionRow.unhelpful == 0)
    return (SessionRow.helpful if opinion is Opinion.HELPFUL else SessionRow.unhelpful) > 0


def _listed(row: SessionRow, count: int, hit: str) -> Listed:
    session = session_of(row, count)
    return Listed(session, row.uncovered, row.failed, row.helpful, row.unhelpful, row.escalated, row.cost, hit)
