"""The golden questions.

Comes in: `GoldenQuestion`s from the file that ships and from people. Goes out: those to ask an index version, and lists
for people. Called by `core.knowledge.evaluation.questionnaire`.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from core.domain.golden import GoldenFilter, GoldenQuestion, Origin
from core.errors import NameTaken, UnknownGoldenQuestion
from core.storage.engine import Database
from core.storage.ids import new_id
from core.storage.library_models import GoldenQuestionRow, SeededGoldenRow


class GoldenQuestions:
    """The repository of golden questions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enabled(self) -> list[GoldenQuestion]:
        """Those that are asked, in the order in which they came."""
        query = select(GoldenQuestionRow).where(GoldenQuestionRow.enabled.is_(True)).order_by(GoldenQuestionRow.id)
        async with self._database.read() as db:
            return [golden_of(row) for row in await db.scalars(query)]

    async def find(self, wanted: GoldenFilter, count: int, *, before: str = "") -> list[GoldenQuestion]:
        """Those that were looked for, the latest first, behind the one that is called `before`."""
        query = select(GoldenQuestionRow).where(*_matching(wanted)).order_by(GoldenQuestionRow.id.desc())
        if before:
            place = select(GoldenQuestionRow.id).where(GoldenQuestionRow.name == before)
            query = query.where(GoldenQuestionRow.id < place.scalar_subquery())
        async with self._database.read() as db:
            return [golden_of(row) for row in await db.scalars(query.limit(count))]

    async def count(self, wanted: GoldenFilter) -> int:
        """How many there are of those that were looked for."""
        query = select(func.count()).select_from(GoldenQuestionRow).where(*_matching(wanted))
        async with self._database.read() as db:
            return await db.scalar(query) or 0

    async def styles(self) -> list[str]:
        """Every style that there is."""
        query = select(GoldenQuestionRow.style).where(GoldenQuestionRow.style != "").distinct()
        async with self._database.read() as db:
            return sorted(await db.scalars(query))

    async def named(self, names: Sequence[str]) -> dict[str, GoldenQuestion]:
        """Those of these names that there are, by name."""
        query = select(GoldenQuestionRow).where(GoldenQuestionRow.name.in_(names))
        async with self._database.read() as db:
            return {row.name: golden_of(row) for row in await db.scalars(query)}

    async def get(self, name: str) -> GoldenQuestion:
        """One of them. Raises UnknownGoldenQuestion."""
        if found := await self.named([name]):
            return found[name]
        raise UnknownGoldenQuestion(f"There is no golden question {name!r} any more. Nothing was changed.")

    async def name_of(self, question: str) -> str | None:
        """The id of the one that asks just this."""
        query = select(GoldenQuestionRow.name).where(GoldenQuestionRow.question == question).limit(1)
        async with self._database.read() as db:
            return await db.scalar(query)

    async def add(self, questions: Sequence[GoldenQuestion]) -> None:
        """Stores new ones, all or none. Raises NameTaken."""
        try:
            async with self._database.begin() as db:
                db.add_all(_row(question) for question in questions)
        except IntegrityError as error:
            raise NameTaken("A golden question of that id is there already; nothing was added.") from error

    async def begin_with(self, questions: Sequence[GoldenQuestion]) -> None:
        """Stores the questions to begin with, once each: what people changed or removed stays so."""
        with suppress(IntegrityError):  # another process that starts as well has just stored them
            async with self._database.begin() as db:
                seeded = set(await db.scalars(select(SeededGoldenRow.name)))
                taken = set(await db.scalars(select(GoldenQuestionRow.name)))
                new = [question for question in questions if question.id not in seeded]
                db.add_all(SeededGoldenRow(name=question.id) for question in new)
                db.add_all(_row(question) for question in new if question.id not in taken)

    async def change(self, question: GoldenQuestion) -> None:
        """Gives the question of this id other contents. Raises UnknownGoldenQuestion."""
        await self.get(question.id)
        row = update(GoldenQuestionRow).where(GoldenQuestionRow.name == question.id)
        async with self._database.begin() as db:
            await db.execute(row.values(**_values(question)))

    async def remove(self, name: str) -> None:
        """Forgets one. Raises UnknownGoldenQuestion."""
        await self.get(name)
        async with self._database.begin() as db:
            await db.execute(delete(GoldenQuestionRow).where(GoldenQuestionRow.name == name))


def golden_of(row: GoldenQuestionRow) -> GoldenQuestion:
    """The question that a row stores."""
    return GoldenQuestion(
        id=row.name,
        question=row.question,
        gold=tuple(row.gold),
        need=row.need,
        answer_facts=tuple(row.answer_facts),
        style=row.style,
        origin=Origin(row.origin),
        enabled=row.enabled,
    )


def _matching(wanted: GoldenFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if words := "".join(filter(str.isprintable, wanted.words)).strip():  # Postgres takes no NUL
        columns = (GoldenQuestionRow.question, GoldenQuestionRow.name, cast(GoldenQuestionRow.gold, Text))
        conditions.append(or_(*(column.icontains(words, autoescape=True) for column in columns)))
    if wanted.style:
        conditions.append(GoldenQuestionRow.style == wanted.style)
    if wanted.origin:
        conditions.append(GoldenQuestionRow.origin == wanted.origin)
    if wanted.covered is not None:
        conditions.append(GoldenQuestionRow.covered.is_(wanted.covered))
    return conditions


def _row(question: GoldenQuestion) -> GoldenQuestionRow:
    return GoldenQuestionRow(id=new_id(), name=question.id, **_values(question))


def _values(question: GoldenQuestion) -> dict[str, Any]:
    return {
        "question": question.question,
        "gold": list(question.gold),
        "need": question.need,
        "answer_facts": list(question.answer_facts),
        "style": question.style,
        "origin": question.origin,
        "covered": bool(question.gold),
        "enabled": question.enabled,
    }
