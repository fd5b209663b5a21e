"""What is known of the knowledge base: documents, index versions and refresh runs.

Comes in: domain nouns from `core.knowledge`. Goes out: domain nouns, for retrieval, health and the console.
"""

from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from core.domain.knowledge import Document, IndexVersion, RefreshRun, RunStatus, Stage
from core.storage.engine import Database
from core.storage.ids import new_id, now
from core.storage.models import DocumentRow, IndexVersionRow, RefreshRunRow, SourceRow


class Library:
    """The repository of documents, index versions and refresh runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def production(self) -> IndexVersion | None:
        """The live index version, if there is one."""
        async with self._database.begin() as db:
            row = await db.scalar(
                select(IndexVersionRow)
                .where(IndexVersionRow.stage == Stage.PRODUCTION)
                .order_by(IndexVersionRow.id.desc())
            )
            return _version(row) if row else None

    async def versions(self) -> list[IndexVersion]:
        """All index versions, the newest first."""
        async with self._database.begin() as db:
            rows = await db.scalars(select(IndexVersionRow).order_by(IndexVersionRow.id.desc()))
            return [_version(row) for row in rows]

    async def promote(self, version: IndexVersion, configuration: dict[str, Any]) -> None:
        """Makes a newly built version the live one; what was live becomes Archived in the same transaction."""
        row = IndexVersionRow(
            id=version.id,
            stage=Stage.PRODUCTION,
            fingerprint=version.fingerprint,
            configuration=configuration,
            documents=version.documents,
            passages=version.passages,
            seconds=version.seconds,
        )
        try:
            async with self._database.begin() as db:
                live = IndexVersionRow.stage == Stage.PRODUCTION
                await db.execute(update(IndexVersionRow).where(live).values(stage=Stage.ARCHIVED))
                db.add(row)
        except IntegrityError:  # another process promoted one between our two statements
            if await self._knows_version(version.id):
                raise
            await self.promote(version, configuration)

    async def forget_version(self, version_id: str) -> None:
        """Removes the row of a version whose files are gone."""
        async with self._database.begin() as db:
            await db.execute(delete(IndexVersionRow).where(IndexVersionRow.id == version_id))

    async def _knows_version(self, version_id: str) -> bool:
        async with self._database.begin() as db:
            return await db.get(IndexVersionRow, version_id) is not None

    async def replace_documents(self, kind: str, location: str, documents: list[Document]) -> None:
        """Makes the stored documents of a kind of source equal to `documents`; unchanged rows keep their dates.

        A source of that kind at another location is forgotten with its documents: the folder has moved.
        """
        async with self._database.begin() as db:
            await db.execute(delete(SourceRow).where(SourceRow.kind == kind, SourceRow.location != location))
            source = await db.scalar(select(SourceRow).where(SourceRow.location == location))
            if source is None:
                source = SourceRow(id=new_id(), kind=kind, location=location)
                db.add(source)
                await db.flush()
            source.refreshed_at = now()
            rows = await db.scalars(select(DocumentRow).where(DocumentRow.source_id == source.id))
            known = {row.path: row for row in rows}
            for document in documents:
                row = known.pop(document.path, None)
                if row is None:
                    db.add(_document_row(document, source.id))
                elif row.content_hash != document.content_hash:
                    _overwrite(row, document)
            for gone in known.values():
                await db.delete(gone)

    async def documents(self, *, search: str = "") -> list[Document]:
        """The documents, by path; `search` matches title, product and text."""
        query = select(DocumentRow).order_by(DocumentRow.path)
        if search.strip():
            columns = (DocumentRow.title, DocumentRow.product, DocumentRow.text)
            query = query.where(or_(*(column.icontains(search.strip(), autoescape=True) for column in columns)))
        async with self._database.begin() as db:
            return [_document(row) for row in await db.scalars(query)]

    async def document(self, path: str) -> Document | None:
        """One document by its path."""
        async with self._database.begin() as db:
            row = await db.scalar(select(DocumentRow).where(DocumentRow.path == path))
            return _document(row) if row else None

    async def start_run(self, trigger: str) -> RefreshRun:
        """Opens the record of a refresh."""
        async with self._database.begin() as db:
            row = RefreshRunRow(id=new_id(), trigger=trigger, status=RunStatus.RUNNING, started_at=now())
            db.add(row)
        return RefreshRun(row.id, trigger, RunStatus.RUNNING, row.started_at)

    async def finish_run(
        self, run: RefreshRun, status: RunStatus, *, reason: str = "", version: IndexVersion | None = None
    ) -> RefreshRun:
        """Closes the record of a refresh."""
        finished = now()
        async with self._database.begin() as db:
            await db.execute(
                update(RefreshRunRow)
                .where(RefreshRunRow.id == run.id)
                .values(
                    status=status,
                    reason=reason,
                    finished_at=finished,
                    version_id=version.id if version else None,
                )
            )
        return RefreshRun(run.id, run.trigger, status, run.started_at, finished, reason, version)

    async def abandon_runs(self) -> int:
        """Closes runs that a stopped process left open; gives their number."""
        async with self._database.begin() as db:
            open_runs = select(func.count()).where(RefreshRunRow.status == RunStatus.RUNNING)
            count = await db.scalar(open_runs) or 0
            await db.execute(
                update(RefreshRunRow)
                .where(RefreshRunRow.status == RunStatus.RUNNING)
                .values(status=RunStatus.FAILED, reason="The process stopped in the middle.", finished_at=now())
            )
            return count

    async def runs(self, limit: int = 20) -> list[RefreshRun]:
        """The latest refreshes, newest first."""
        query = (
            select(RefreshRunRow, IndexVersionRow)
            .outerjoin(IndexVersionRow, IndexVersionRow.id == RefreshRunRow.version_id)
            .order_by(RefreshRunRow.id.desc())
            .limit(limit)
        )
        async with self._database.begin() as db:
            rows = (await db.execute(query)).all()
            return [_run(run, version) for run, version in rows]


def _version(row: IndexVersionRow) -> IndexVersion:
    return IndexVersion(
        row.id, Stage(row.stage), row.fingerprint, row.documents, row.passages, row.seconds, row.created_at
    )


def _run(row: RefreshRunRow, version: IndexVersionRow | None) -> RefreshRun:
    return RefreshRun(
        id=row.id,
        trigger=row.trigger,
        status=RunStatus(row.status),
        started_at=row.started_at,
        finished_at=row.finished_at,
        reason=row.reason,
        version=_version(version) if version else None,
    )


def _document(row: DocumentRow) -> Document:
    return Document(row.path, row.title, row.product, row.address, row.reference, row.text, row.content_hash)


def _document_row(document: Document, source_id: str) -> DocumentRow:
    row = DocumentRow(id=new_id(), source_id=source_id, path=document.path)
    _overwrite(row, document)
    return row


def _overwrite(row: DocumentRow, document: Document) -> None:
    row.title = document.title
    row.product = document.product
    row.address = document.address
    row.reference = document.reference
    row.text = document.text
    row.content_hash = document.content_hash
    row.updated_at = now()
