"""The processes that answer questions, as they know of each other.

Comes in: the id of a process. Goes out: how often each has said that it lives. Called by the durability of turns.
"""

from sqlalchemy import delete, exists, insert, literal, select, union, update

from core.domain.conversation import Status
from core.storage.engine import Database
from core.storage.models import ExecutorRow, MessageRow

OPEN = (Status.PENDING, Status.ANSWERED)


class Executors:
    """The repository of processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, executor: str) -> None:
        """Says that a process lives."""
        async with self._database.begin() as db:
            more = update(ExecutorRow).where(ExecutorRow.id == executor).values(beat=ExecutorRow.beat + 1)
            if await db.scalar(more.returning(ExecutorRow.beat)) is None:
                await db.execute(insert(ExecutorRow).values(id=executor, beat=1))

    async def beats(self) -> dict[str, int]:
        """How often each known process has said that it lives; 0 of one that is known by its open questions alone."""
        keepers = select(MessageRow.keeper, literal(0)).where(
            MessageRow.status.in_(OPEN), MessageRow.role == "user", MessageRow.keeper.not_in(select(ExecutorRow.id))
        )
        known = union(keepers, select(ExecutorRow.id, ExecutorRow.beat))
        async with self._database.read() as db:
            return dict((await db.execute(known)).all())

    async def forget(self, executor: str) -> None:
        """Removes a process that is gone, unless a question that it promised to answer is still open."""
        open_turns = exists().where(MessageRow.keeper == executor, MessageRow.status.in_(OPEN))
        async with self._database.begin() as db:
            await db.execute(delete(ExecutorRow).where(ExecutorRow.id == executor, ~open_turns))
