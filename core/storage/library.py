"""The pages of the knowledge base, as their sources last served them.

Comes in: `PageNews` from the refresh. Goes out: `Page`s for the next look, `Document`s for the index and the console.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from core.domain.knowledge import Document, Look, Page, PageNews, PageStatus, SourceKind
from core.storage.engine import Database
from core.storage.ids import new_id, now
from core.storage.library_models import (
    ChangedPageRow,
    ContentRow,
    DocumentRow,
    IndexContentRow,
    SourceRow,
)

BATCH = 200
"""Documents read or pages written at a time, so that memory stays flat however many there are."""


NOBODY = "restored"
"""The source of pages that a rollback brought back when their own is no longer on record."""


class Library:
    """The repository of pages and documents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pages(self, source: str) -> list[Page]:
        """The pages of a source, by path."""
        query = (
            select(DocumentRow, ContentRow.title)
            .join(SourceRow, SourceRow.id == DocumentRow.source_id)
            .outerjoin(ContentRow, ContentRow.hash == DocumentRow.content_hash)
            .where(SourceRow.name == source)
            .order_by(DocumentRow.path)
        )
        async with self._database.read() as db:
            return [_page(row, title) for row, title in (await db.execute(query))]

    async def record(self, source: str, news: Sequence[PageNews], *, grace: timedelta) -> bool:
        """Writes down what looks at pages of a source brought; gives False when the source is gone meanwhile.

        A page that fails keeps what it said. One that is gone keeps it for `grace`, then leaves with its row.
        """
        async with self._database.begin() as db:
            source_id = await db.scalar(select(SourceRow.id).where(SourceRow.name == source))
            if source_id is None:
                return False
            for start in range(0, len(news), BATCH):
                await _record(db, source_id, [_storable(item) for item in news[start : start + BATCH]], grace)
            return True

    async def held(self) -> dict[str, str]:
        """The content hash of every page that belongs into the index, by path."""
        query = select(DocumentRow.path, DocumentRow.content_hash).where(DocumentRow.content_hash != "")
        async with self._database.read() as db:
            return dict((await db.execute(query)).all())

    async def sources_of(self, paths: Sequence[str]) -> dict[str, str]:
        """The name of the source of each page, by path; from the record of changes for pages that have left."""
        names: dict[str, str] = {}
        past = select(ChangedPageRow.path, ChangedPageRow.source).where(ChangedPageRow.source != "")
        present = select(DocumentRow.path, SourceRow.name).join(SourceRow, SourceRow.id == DocumentRow.source_id)
        async with self._database.read() as db:
            for start in range(0, len(paths), BATCH):
                part = paths[start : start + BATCH]
                for query, column in ((past, ChangedPageRow.path), (present, DocumentRow.path)):
                    names |= dict((await db.execute(query.where(column.in_(part)))).all())
        return names

    async def problems(self, limit: int = 50) -> list[Page]:
        """Pages whose last look failed, or that are gone, by path."""
        query = (
            select(DocumentRow, ContentRow.title)
            .outerjoin(ContentRow, ContentRow.hash == DocumentRow.content_hash)
            .where(DocumentRow.status != PageStatus.LIVE)
            .order_by(DocumentRow.path)
            .limit(limit)
        )
        async with self._database.read() as db:
            return [_page(row, title) for row, title in (await db.execute(query))]

    async def read(self, paths: Sequence[str]) -> AsyncGenerator[Document]:
        """The documents at `paths`, in batches below the surface; those without content are left out."""
        for start in range(0, len(paths), BATCH):
            query = _documents().where(DocumentRow.path.in_(paths[start : start + BATCH])).order_by(DocumentRow.path)
            async with self._database.read() as db:
                found = [_document(*row) for row in (await db.execute(query))]
            for document in found:
                yield document

    async def documents(self, *, search: str = "", limit: int | None = None) -> list[Document]:
        """The documents, by path; `search` matches title, product and text."""
        query = _documents().order_by(DocumentRow.path).limit(limit)
        if search.strip():
            columns = (ContentRow.title, ContentRow.product, ContentRow.text)
            query = query.where(or_(*(column.icontains(search.strip(), autoescape=True) for column in columns)))
        async with self._database.read() as db:
            return [_document(*row) for row in (await db.execute(query))]

    async def count(self) -> int:
        """Number of documents."""
        async with self._database.read() as db:
            query = select(func.count()).select_from(DocumentRow).where(DocumentRow.content_hash != "")
            return await db.scalar(query) or 0

    async def document(self, path: str) -> Document | None:
        """One document by its path."""
        async with self._database.read() as db:
            row = (await db.execute(_documents().where(DocumentRow.path == path))).first()
            return _document(*row) if row else None

    async def titles(self, paths: Sequence[str]) -> dict[str, str]:
        """The title of each page that there is, by path."""
        query = select(DocumentRow.path, ContentRow.title).join(ContentRow, ContentRow.hash == DocumentRow.content_hash)
        async with self._database.read() as db:
            return dict((await db.execute(query.where(DocumentRow.path.in_(paths)))).all())

    async def paths_at(self, addresses: Sequence[str]) -> dict[str, str]:
        """The path of the page at each address that there is one at."""
        query = select(ContentRow.address, DocumentRow.path).join(
            DocumentRow, DocumentRow.content_hash == ContentRow.hash
        )
        async with self._database.read() as db:
            return dict((await db.execute(query.where(ContentRow.address.in_(addresses)))).all())

    async def put_back(self, contents: Mapping[str, str], sources: Mapping[str, str]) -> None:
        """Makes pages say what they said before: content hash by path, empty for pages that were not there.

        Their validators stay, so that what was taken back returns only when the page changes at its source.
        `sources` names the source of each path; one that was removed meanwhile comes back as a source of uploads.
        """
        async with self._database.begin() as db:
            for path, content_hash in contents.items():
                row = await db.scalar(select(DocumentRow).where(DocumentRow.path == path))
                if row is not None:
                    row.content_hash = content_hash
                    row.updated_at = now()
                elif content_hash:
                    source_id = await _source_id(db, sources.get(path) or NOBODY)
                    db.add(_brought_back(source_id, path, content_hash))
                    await db.flush()

    async def sweep(self) -> None:
        """Deletes contents that no page, index version or change speaks of any more."""
        used = (
            select(DocumentRow.content_hash)
            .union(
                select(IndexContentRow.content_hash),
                select(ChangedPageRow.before_hash),
                select(ChangedPageRow.after_hash),
            )
            .subquery()
        )
        async with self._database.begin() as db:
            await db.execute(delete(ContentRow).where(ContentRow.hash.not_in(select(used.c[0]))))


def _storable(item: PageNews) -> PageNews:
    """The news without characters that no database stores: Postgres no NUL, neither half of a pair of surrogates."""
    document = item.document and replace(item.document, **_clean(item.document))
    return replace(item, **_clean(item), document=document)


def _clean(record: PageNews | Document) -> dict[str, Any]:
    texts = {name: value for name, value in vars(record).items() if type(value) is str}
    return {name: value.replace("\0", "").encode(errors="ignore").decode() for name, value in texts.items()}


async def _record(db: AsyncSession, source_id: str, news: Sequence[PageNews], grace: timedelta) -> None:
    await _store_contents(db, [item.document for item in news if item.document])
    rows = await db.scalars(select(DocumentRow).where(DocumentRow.path.in_([item.path for item in news])))
    known = {row.path: row for row in rows}
    for item in news:
        row = known.get(item.path)
        if row is None:
            row = DocumentRow(id=new_id(), source_id=source_id, path=item.path, content_hash="")
            known[item.path] = row
            db.add(row)
        if row.source_id == source_id:  # else the path belongs to another source, which keeps it
            _note(row, item)
    await db.flush()
    for row in known.values():
        if row.status == PageStatus.GONE and row.gone_since and now() - row.gone_since >= grace:
            await db.delete(row)


async def _store_contents(db: AsyncSession, documents: Sequence[Document]) -> None:
    if not documents:
        return
    values: dict[str, dict[str, Any]] = {
        document.content_hash: {
            "hash": document.content_hash,
            "title": document.title,
            "product": document.product,
            "address": document.address,
            "reference": document.reference,
            "language": document.language,
            "text": document.text,
        }
        for document in documents
    }
    dialect = postgresql if db.get_bind().dialect.name == "postgresql" else sqlite
    rows = [values[name] for name in sorted(values)]  # in one order, so that two writers never wait for each other
    await db.execute(dialect.insert(ContentRow).on_conflict_do_nothing(), rows)


async def _source_id(db: AsyncSession, name: str) -> str:
    source_id = await db.scalar(select(SourceRow.id).where(SourceRow.name == name))
    if source_id is None:
        source_id = new_id()
        db.add(SourceRow(id=source_id, name=name, kind=SourceKind.UPLOAD, location=""))
        await db.flush()
    return source_id


def _brought_back(source_id: str, path: str, content_hash: str) -> DocumentRow:
    return DocumentRow(
        id=new_id(),
        source_id=source_id,
        path=path,
        location=path,
        content_hash=content_hash,
        status=PageStatus.GONE,
        reason="Brought back by a rollback.",
        gone_since=now(),
    )


def _note(row: DocumentRow, news: PageNews) -> None:
    """Writes the outcome of a look into the page's row."""
    row.location = news.location
    row.checked_at = now()
    row.reason = news.reason
    if news.look is Look.FAILED:
        row.status = PageStatus.FAILED
    elif news.look is Look.GONE:
        row.status = PageStatus.GONE
        row.gone_since = row.gone_since or now()
    else:
        row.status = PageStatus.LIVE
        row.gone_since = None
        row.etag, row.last_modified = news.etag or row.etag or "", news.last_modified or row.last_modified or ""
    if news.document:
        row.etag, row.last_modified, row.raw_hash = news.etag, news.last_modified, news.raw_hash
        if row.content_hash != news.document.content_hash:
            row.content_hash = news.document.content_hash
            row.updated_at = now()


def _documents() -> Select[DocumentRow, ContentRow, str]:
    return (
        select(DocumentRow, ContentRow, SourceRow.name)
        .join(ContentRow, ContentRow.hash == DocumentRow.content_hash)
        .join(SourceRow, SourceRow.id == DocumentRow.source_id)
    )


def _document(row: DocumentRow, content: ContentRow, source: str) -> Document:
    return Document(
        path=row.path,
        title=content.title,
        product=content.product,
        address=content.address,
        reference=content.reference,
        text=content.text,
        content_hash=row.content_hash,
        source=source,
        language=content.language,
    )


def _page(row: DocumentRow, title: str | None) -> Page:
    return Page(
        location=row.location,
        path=row.path,
        status=PageStatus(row.status),
        reason=row.reason,
        etag=row.etag,
        last_modified=row.last_modified,
        raw_hash=row.raw_hash,
        title=title or "",
        checked_at=row.checked_at,
        gone_since=row.gone_since,
    )
