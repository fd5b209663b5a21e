"""What chat platforms are to do, each thing once, whichever process speaks there.

Comes in: errands, from the console's process. Goes out: errands, for the process that holds the platform. Called by
`core.answering.errands`.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.exc import IntegrityError

from core.domain.channels import DraftState
from core.domain.gaps import Errand, ErrandKind
from core.storage.engine import Database
from core.storage.gap_models import ErrandRow
from core.storage.ids import now
from core.storage.models import DraftRow

LEASE = timedelta(minutes=2)
"""An errand that was taken so long ago and is not done is free again: its process is gone, or could not do it."""

ATTEMPTS = 5
"""An errand that was begun so often is left alone."""


class Errands:
    """The repository of errands."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, platform: str, message_id: str, event_id: str, by: str) -> bool:
        """Notes that a question is to be answered anew; False when that was noted before, or the question is gone."""
        row = ErrandRow(
            kind=ErrandKind.ANSWER, platform=platform, message_id=message_id, event_id=event_id, asked_by=by
        )
        try:
            async with self._database.begin() as db:
                db.add(row)
        except IntegrityError:
            return False
        return True

    async def decide(self, platform: str, message_id: str, state: DraftState, by: str) -> bool:
        """Decides on a draft and notes that this is to be carried out; False when somebody decided before."""
        waiting = (DraftRow.message_id == message_id, DraftRow.state == DraftState.WAITING)
        change = update(DraftRow).where(*waiting).values(state=state, decided_by=by[:64], decided_at=now())
        async with self._database.begin() as db:
            if not (await db.scalars(change.returning(DraftRow.message_id))).all():
                return False
            db.add(ErrandRow(kind=ErrandKind.DRAFT, platform=platform, message_id=message_id, asked_by=by))
        return True

    async def take(self, platform: str) -> Errand | None:
        """The oldest errand of a platform that nobody is at; it is the caller's then. None when there is none."""
        async with self._database.read() as db:
            oldest = select(ErrandRow.id).where(ErrandRow.platform == platform, *_free()).order_by(ErrandRow.id)
            found = await db.scalar(oldest.limit(1))
        if found is None:
            return None
        taken = update(ErrandRow).where(ErrandRow.id == found, *_free())
        change = taken.values(taken_at=now(), attempts=ErrandRow.attempts + 1).returning(ErrandRow)
        async with self._database.begin() as db:
            row = (await db.scalars(change)).one_or_none()
            return _errand(row) if row else None

    async def problems(self, kind: ErrandKind, since: datetime) -> list[str]:
        """Why errands of a kind could not be done since then, the latest first."""
        failed = (ErrandRow.kind == kind, ErrandRow.problem != "", ErrandRow.done_at >= since)
        async with self._database.read() as db:
            query = select(ErrandRow.problem).where(*failed).order_by(ErrandRow.done_at.desc())
            return list(await db.scalars(query))

    async def end(self, errand_id: str, problem: str = "") -> None:
        """Notes that an errand is done, or why it cannot be."""
        async with self._database.begin() as db:
            await db.execute(update(ErrandRow).where(ErrandRow.id == errand_id).values(done_at=now(), problem=problem))


def _free() -> tuple[ColumnElement[bool], ...]:
    untaken = or_(ErrandRow.taken_at.is_(None), ErrandRow.taken_at < now() - LEASE)
    return ErrandRow.done_at.is_(None), ErrandRow.attempts < ATTEMPTS, untaken


def _errand(row: ErrandRow) -> Errand:
    return Errand(row.id, ErrandKind(row.kind), row.platform, row.message_id, row.event_id, row.asked_by)
