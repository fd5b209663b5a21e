"""How well index versions found over time, also those that are gone.

Comes in: nothing; `core.storage.versions` stores each evaluation with its version. Goes out: the latest of them for a
trend, and one with what came of each question. Called by the console.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.storage.engine import Database
from core.storage.library_models import EvaluationRow
from core.storage.versions import Evaluation, evaluation_of


@dataclass(frozen=True)
class Measured:
    """An evaluation as a trend shows it, without what came of each question."""

    id: str
    version_id: str
    revision: int
    questions: str
    scores: dict[str, Any]
    created_at: datetime


_COLUMNS = (
    EvaluationRow.id,
    EvaluationRow.version_id,
    EvaluationRow.revision,
    EvaluationRow.questions,
    EvaluationRow.scores,
    EvaluationRow.created_at,
)


class Measurements:
    """The repository of what was measured."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self, count: int, *, before: str = "") -> list[Measured]:
        """The latest evaluations of all versions, the newest first, older than the one with the id `before`."""
        query = select(*_COLUMNS).order_by(EvaluationRow.id.desc()).limit(count)
        if before:
            query = query.where(EvaluationRow.id < before)
        async with self._database.read() as db:
            return [Measured(*row) for row in (await db.execute(query)).all()]

    async def get(self, evaluation_id: str) -> Evaluation | None:
        """One evaluation by its own id, if it is kept."""
        query = select(EvaluationRow).where(EvaluationRow.id == evaluation_id)
        async with self._database.read() as db:
            row = await db.scalar(query)
            return evaluation_of(row) if row else None
