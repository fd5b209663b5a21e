"""The sources that pages come from.

Comes in: `Source`s from the defaults, the command, HTTP and the console. Goes out: `Source`s for the refresh.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from core.domain.knowledge import Source, SourceKind
from core.errors import NameTaken, UnknownSource
from core.storage.engine import Database
from core.storage.ids import new_id, now
from core.storage.library_models import DocumentRow, SeededRow, SourceRow


class Sources:
    """The repository of sources."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Source]:
        """Every source, by name."""
        async with self._database.read() as db:
            return [source_of(row) for row in await db.scalars(select(SourceRow).order_by(SourceRow.name))]

    async def get(self, name: str) -> Source:
        """One source. Raises UnknownSource."""
        async with self._database.read() as db:
            row = await db.scalar(select(SourceRow).where(SourceRow.name == name))
        if row is None:
            raise UnknownSource(f"There is no source {name!r}. `mlops-assistant sources list` shows them all.")
        return source_of(row)

    async def page_counts(self) -> dict[str, int]:
        """Number of indexed pages of each source that has any."""
        query = (
            select(SourceRow.name, func.count())
            .join(DocumentRow, DocumentRow.source_id == SourceRow.id)
            .where(DocumentRow.content_hash != "")
            .group_by(SourceRow.name)
        )
        async with self._database.read() as db:
            return dict((await db.execute(query)).all())

    async def add(self, source: Source) -> None:
        """Stores a new source. Raises NameTaken."""
        try:
            async with self._database.begin() as db:
                db.add(SourceRow(id=new_id(), name=source.name, **_values(source)))
        except IntegrityError as error:
            raise NameTaken(f"There is a source {source.name!r} already. Choose another name.") from error

    async def begin_with(self, defaults: Sequence[Source]) -> None:
        """Stores the sources to begin with, once each: what the owner changed, removed or named alike stays so.

        The first of them is the folder that ships; it follows its setting.
        """
        with suppress(IntegrityError):  # another process that starts as well has just stored them
            await self._seed(defaults)
        async with self._database.begin() as db:
            shipped = update(SourceRow).where(SourceRow.name == defaults[0].name)
            await db.execute(shipped.values(location=defaults[0].location))

    async def change(self, name: str, source: Source) -> None:
        """Gives a source other settings; its name and its pages stay. Raises UnknownSource."""
        await self.get(name)
        async with self._database.begin() as db:
            await db.execute(update(SourceRow).where(SourceRow.name == name).values(**_values(source)))

    async def looked_at(self, name: str, problem: str) -> None:
        """Notes that a source was read just now, and what kept it from being read in full."""
        async with self._database.begin() as db:
            seen = {"problem": problem, "refreshed_at": now()}
            await db.execute(update(SourceRow).where(SourceRow.name == name).values(**seen))

    async def remove(self, name: str) -> None:
        """Forgets a source with its pages; they leave the index at the next refresh. Raises UnknownSource."""
        await self.get(name)
        async with self._database.begin() as db:
            await db.execute(delete(SourceRow).where(SourceRow.name == name))

    async def _seed(self, defaults: Sequence[Source]) -> None:
        async with self._database.begin() as db:
            known = set(await db.scalars(select(SeededRow.name)))
            taken = set(await db.scalars(select(SourceRow.name)))
            new = [source for source in defaults if source.name not in known]
            db.add_all(SeededRow(name=source.name) for source in new)
            db.add_all(
                SourceRow(id=new_id(), name=source.name, **_values(source))
                for source in new
                if source.name not in taken
            )


def source_of(row: SourceRow) -> Source:
    """The source that a row stores."""
    return Source(
        name=row.name,
        kind=SourceKind(row.kind),
        location=row.location,
        product=row.product,
        ref=row.ref,
        folder=row.folder,
        include=tuple(row.include),
        internal=row.internal,
        enabled=row.enabled,
        max_pages=row.max_pages,
        schedule=row.schedule,
        refreshed_at=row.refreshed_at,
        problem=row.problem,
    )


def _values(source: Source) -> dict[str, Any]:
    return {
        "kind": source.kind,
        "location": source.location,
        "product": source.product,
        "ref": source.ref,
        "folder": source.folder,
        "include": list(source.include),
        "internal": source.internal,
        "enabled": source.enabled,
        "max_pages": source.max_pages,
        "schedule": source.schedule,
    }
