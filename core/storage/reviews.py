"""What people made of answers: verdicts, calls for a human, decisions on drafts.

Comes in: ids of answers and of people. Goes out: domain nouns. Called by `core.answering.aftercare`.
"""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from core.domain.channels import Draft, DraftState, Feedback
from core.storage.counts import counted_anew, session_of_message
from core.storage.engine import Database
from core.storage.ids import now
from core.storage.models import DraftRow, EscalationRow, FeedbackRow
from core.storage.nouns import feedback_of


class Reviews:
    """The repository of reviews."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def give(self, feedback: Feedback) -> None:
        """Stores a verdict in the place of an earlier one by the same person."""
        values = {"verdict": feedback.verdict, "fault": feedback.fault or "", "comment": feedback.comment}
        theirs = (FeedbackRow.message_id == feedback.message_id, FeedbackRow.author == feedback.author)
        async with self._database.begin() as db:
            changed = await db.scalars(update(FeedbackRow).where(*theirs).values(**values).returning(FeedbackRow.id))
            if not changed.all():
                db.add(FeedbackRow(message_id=feedback.message_id, author=feedback.author, **values))
            await db.flush()
            await db.execute(counted_anew(session_of_message(feedback.message_id)))

    async def of(self, message_id: str) -> list[Feedback]:
        """All verdicts on an answer."""
        query = select(FeedbackRow).where(FeedbackRow.message_id == message_id).order_by(FeedbackRow.id)
        async with self._database.read() as db:
            return [feedback_of(row) for row in await db.scalars(query)]

    async def escalate(self, message_id: str, author: str) -> bool:
        """Notes that a human is needed; False when somebody said so before."""
        return await self._add(EscalationRow(message_id=message_id, author=author))

    async def draft(self, message_id: str, placement: str) -> bool:
        """Notes that an answer waits for the maintainers; False when it did before."""
        return await self._add(DraftRow(message_id=message_id, placement=placement, state=DraftState.WAITING))

    async def draft_of(self, message_id: str) -> Draft | None:
        """A draft, whatever became of it."""
        async with self._database.read() as db:
            row = await db.get(DraftRow, message_id)
            return _draft(row) if row else None

    async def decide(self, message_id: str, state: DraftState, by: str) -> bool:
        """Decides on a draft; False when somebody did before."""
        waiting = (DraftRow.message_id == message_id, DraftRow.state == DraftState.WAITING)
        change = update(DraftRow).where(*waiting).values(state=state, decided_by=by, decided_at=now())
        async with self._database.begin() as db:
            return bool((await db.scalars(change.returning(DraftRow.message_id))).all())

    async def drafts(self, state: DraftState = DraftState.WAITING) -> list[Draft]:
        """Drafts in a state, the oldest first."""
        query = select(DraftRow).where(DraftRow.state == state).order_by(DraftRow.created_at)
        async with self._database.read() as db:
            return [_draft(row) for row in await db.scalars(query)]

    async def waiting(self) -> tuple[int, datetime | None]:
        """How many drafts wait for a decision, and since when the oldest does."""
        query = select(func.count(), func.min(DraftRow.created_at)).where(DraftRow.state == DraftState.WAITING)
        async with self._database.read() as db:
            count, oldest = (await db.execute(query)).one()
            return count, oldest

    async def _add(self, row: EscalationRow | DraftRow) -> bool:
        try:
            async with self._database.begin() as db:
                db.add(row)
                await db.flush()
                await db.execute(counted_anew(session_of_message(row.message_id)))
        except IntegrityError:
            return False
        return True


def _draft(row: DraftRow) -> Draft:
    return Draft(row.message_id, row.placement, DraftState(row.state), row.decided_by, row.decided_at)
