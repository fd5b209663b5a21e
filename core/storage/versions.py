"""Index versions: what each holds, which one is live, what was done to it, and how well it finds.

Comes in: built versions and changes from the refresh. Goes out: the live version for retrieval, all of them for people.
Which version is live is one row, so promotion, a change in place and a rollback are one transaction each.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session as DirectSession
from sqlalchemy.sql.dml import ReturningUpdate

from core.domain.knowledge import Change, IndexVersion, Stage
from core.errors import InputError, UnknownVersion
from core.storage.engine import Database
from core.storage.ids import new_id, now
from core.storage.library_models import (
    ChangedPageRow,
    ChangeRow,
    EvaluationRow,
    IndexContentRow,
    IndexVersionRow,
)


@dataclass(frozen=True)
class IndexedPage:
    """A page as a version holds it; `passages` are ids in reading order."""

    path: str
    content_hash: str
    passages: tuple[str, ...]


@dataclass(frozen=True)
class ChangedPage:
    """A page of a change; an empty hash stands for a page that was not in the index."""

    path: str
    source: str
    before_hash: str
    after_hash: str


@dataclass(frozen=True)
class Evaluation:
    """Measurements of a version over one set of golden questions, known by the hash of its file."""

    id: str
    version_id: str
    revision: int
    questions: str
    scores: dict[str, Any]
    outcomes: list[dict[str, Any]]
    created_at: datetime


KEPT_EVALUATIONS = 200

_LIVE = (
    select(IndexVersionRow)
    .where(IndexVersionRow.stage == Stage.PRODUCTION)
    .order_by(IndexVersionRow.id.desc())
    .limit(1)
)


class Versions:
    """The repository of index versions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def production(self) -> IndexVersion | None:
        """The live version, if there is one."""

        def look(db: DirectSession) -> IndexVersion | None:  # with every search, so in one go
            row = db.scalar(_LIVE)
            return version_of(row) if row else None

        return await self._database.look(look)

    async def all(self) -> list[IndexVersion]:
        """All versions, the newest first."""
        async with self._database.read() as db:
            rows = await db.scalars(select(IndexVersionRow).order_by(IndexVersionRow.id.desc()))
            return [version_of(row) for row in rows]

    async def get(self, version_id: str) -> IndexVersion:
        """A version by its id, or by the end of it as people are shown it. Raises UnknownVersion."""
        found = [version for version in await self.all() if version.id.endswith(version_id.strip().lower())]
        if len(found) != 1 or not version_id.strip():
            raise UnknownVersion(
                f"There is no index version {version_id!r}. `mlops-assistant versions` shows those that are kept."
            )
        return found[0]

    async def add(self, version: IndexVersion, configuration: dict[str, Any], pages: list[IndexedPage]) -> None:
        """Stores a built version in its stage, with the pages that it holds."""
        async with self._database.begin() as db:
            db.add(
                IndexVersionRow(
                    id=version.id,
                    stage=version.stage,
                    fingerprint=version.configuration,
                    configuration=configuration,
                    documents=version.documents,
                    passages=version.passages,
                    seconds=version.seconds,
                    reason=version.reason,
                )
            )
            await db.flush()
            db.add_all(_content_rows(version.id, pages))

    async def promote(self, version_id: str, changed: list[ChangedPage]) -> Change:
        """Makes a version the live one; what was live becomes Archived in the same transaction."""
        try:
            async with self._database.begin() as db:
                live = await _live_id(db)
                await _archive(db, version_id, "")
                await _make_live(db, version_id)
                return await _record(db, version_id, live, changed)
        except IntegrityError:  # another process promoted one between our two statements
            await self.get(version_id)
            return await self.promote(version_id, changed)

    async def go_back(self, version_id: str, reason: str) -> None:
        """Makes an earlier version the live one; the one it replaces is Archived as rejected, with the reason.

        What made that version live counts again, even if it was undone; changes since count as undone.
        """
        async with self._database.begin() as db:
            await _archive(db, version_id, reason, rejected=True)
            await _make_live(db, version_id)
            birth = await _birth(db, version_id)
            await db.execute(update(ChangeRow).where(ChangeRow.id == birth).values(undone_at=None))
            later = (ChangeRow.undone_at.is_(None), ChangeRow.version_id != version_id, ChangeRow.id > birth)
            await db.execute(update(ChangeRow).where(*later).values(undone_at=now()))

    async def set_stage(self, version_id: str, stage: Stage, reason: str) -> None:
        """Moves a version that is not live to another stage than Production."""
        async with self._database.begin() as db:
            row = update(IndexVersionRow).where(IndexVersionRow.id == version_id)
            await db.execute(row.values(stage=stage, reason=reason))

    async def apply(
        self,
        version: IndexVersion,
        pages: list[IndexedPage],
        changed: list[ChangedPage],
        *,
        undoes: str | None = None,
    ) -> tuple[IndexVersion, Change]:
        """Notes what a change in place made of the live version; from here on readers see it.

        `pages` are those added or changed as they are now. `undoes` is the change that this one takes back: both are
        marked undone, so that the next rollback goes one step further. Raises UnknownVersion when the version is live
        no more.
        """
        async with self._database.begin() as db:
            row = await db.scalar(_next_revision(version))
            if row is None:
                raise UnknownVersion("The live index changed meanwhile; nothing was applied. Refresh again.")
            paths = [page.path for page in changed]
            here = IndexContentRow.version_id == version.id
            await db.execute(delete(IndexContentRow).where(here, IndexContentRow.path.in_(paths)))
            db.add_all(_content_rows(version.id, pages))
            await db.flush()
            held = (await db.scalars(select(IndexContentRow.passages).where(here))).all()
            row.documents, row.passages = len(held), len({passage for ids in held for passage in ids})
            change = await _record(db, version.id, version.id, changed, undone=undoes is not None)
            if undoes:
                await db.execute(update(ChangeRow).where(ChangeRow.id == undoes).values(undone_at=now()))
            return version_of(row), change

    async def forget(self, version_id: str) -> None:
        """Removes a version whose files are gone, with its changes; how well it found stays on record."""
        async with self._database.begin() as db:
            await db.execute(delete(IndexVersionRow).where(IndexVersionRow.id == version_id))

    async def contents(self, version_id: str) -> AsyncGenerator[IndexedPage]:
        """The pages that a version holds, by path."""
        query = (
            select(IndexContentRow.path, IndexContentRow.content_hash, IndexContentRow.passages)
            .where(IndexContentRow.version_id == version_id)
            .order_by(IndexContentRow.path)
        )
        async with self._database.read() as db:
            for path, content_hash, passages in await db.execute(query):
                yield IndexedPage(path, content_hash, tuple(passages))

    async def held(self, version_id: str) -> dict[str, str]:
        """The content hash of each page that a version holds, by path."""
        query = select(IndexContentRow.path, IndexContentRow.content_hash)
        async with self._database.read() as db:
            rows = await db.execute(query.where(IndexContentRow.version_id == version_id))
            return dict(rows.all())

    async def configuration(self, version_id: str) -> dict[str, Any]:
        """The model and the settings that a version was built with; empty for one that is unknown."""
        async with self._database.read() as db:
            query = select(IndexVersionRow.configuration).where(IndexVersionRow.id == version_id)
            return await db.scalar(query) or {}

    async def is_rejected(self, configuration: str) -> bool:
        """Whether somebody rolled back from a version of this configuration."""
        query = select(IndexVersionRow.id).where(
            IndexVersionRow.fingerprint == configuration, IndexVersionRow.rejected.is_(True)
        )
        async with self._database.read() as db:
            return await db.scalar(query.limit(1)) is not None

    async def last_change(self) -> tuple[Change, list[ChangedPage]]:
        """The latest change of the live version that was not undone. Raises InputError when there is none."""
        async with self._database.read() as db:
            counts = (ChangeRow.undone_at.is_(None), ChangeRow.version_id == await _live_id(db))
            row = await db.scalar(select(ChangeRow).where(*counts).order_by(ChangeRow.id.desc()).limit(1))
            if row is None:
                raise InputError("There is nothing to roll back: no change of the index is on record.")
            pages = await db.scalars(select(ChangedPageRow).where(ChangedPageRow.change_id == row.id))
            changed = [ChangedPage(page.path, page.source, page.before_hash, page.after_hash) for page in pages]
            return _change(row, changed), changed

    async def changes(self, limit: int = 20) -> list[Change]:
        """The latest changes, newest first."""
        async with self._database.read() as db:
            rows = (await db.scalars(select(ChangeRow).order_by(ChangeRow.id.desc()).limit(limit))).all()
            query = select(ChangedPageRow).where(ChangedPageRow.change_id.in_([row.id for row in rows]))
            pages: dict[str, list[ChangedPage]] = {row.id: [] for row in rows}
            for page in await db.scalars(query.order_by(ChangedPageRow.path)):
                changed = ChangedPage(page.path, page.source, page.before_hash, page.after_hash)
                pages[page.change_id].append(changed)
            return [_change(row, pages[row.id]) for row in rows]

    async def forget_changes(self, kept: int) -> None:
        """Keeps the records of the latest `kept` changes."""
        async with self._database.begin() as db:
            old = select(ChangeRow.id).order_by(ChangeRow.id.desc()).offset(kept)
            ids = (await db.scalars(old)).all()
            await db.execute(delete(ChangeRow).where(ChangeRow.id.in_(ids)))

    async def add_evaluation(
        self, version: IndexVersion, questions: str, scores: dict[str, Any], outcomes: list[dict[str, Any]]
    ) -> None:
        """Stores how a version answered the golden questions; an earlier result for the same state is replaced.

        The latest `KEPT_EVALUATIONS` stay.
        """
        same = (
            EvaluationRow.version_id == version.id,
            EvaluationRow.revision == version.revision,
            EvaluationRow.questions == questions,
        )
        async with self._database.begin() as db:
            await db.execute(delete(EvaluationRow).where(*same))
            db.add(
                EvaluationRow(
                    id=new_id(),
                    version_id=version.id,
                    revision=version.revision,
                    questions=questions,
                    scores=scores,
                    outcomes=outcomes,
                )
            )
            await db.flush()
            latest = select(EvaluationRow.id).order_by(EvaluationRow.id.desc()).offset(KEPT_EVALUATIONS).limit(1)
            if oldest := await db.scalar(latest):
                await db.execute(delete(EvaluationRow).where(EvaluationRow.id <= oldest))

    async def evaluation(self, version_id: str, questions: str | None = None) -> Evaluation | None:
        """The latest evaluation of a version; `questions` asks for those over one set."""
        query = select(EvaluationRow).where(EvaluationRow.version_id == version_id)
        if questions is not None:
            query = query.where(EvaluationRow.questions == questions)
        async with self._database.read() as db:
            row = await db.scalar(query.order_by(EvaluationRow.id.desc()).limit(1))
            return evaluation_of(row) if row else None


async def _live_id(db: AsyncSession) -> str | None:
    return await db.scalar(select(IndexVersionRow.id).where(IndexVersionRow.stage == Stage.PRODUCTION))


async def _archive(db: AsyncSession, but: str, reason: str, *, rejected: bool = False) -> None:
    live = update(IndexVersionRow).where(IndexVersionRow.stage == Stage.PRODUCTION, IndexVersionRow.id != but)
    await db.execute(live.values(stage=Stage.ARCHIVED, reason=reason, rejected=rejected))


async def _make_live(db: AsyncSession, version_id: str) -> None:
    row = update(IndexVersionRow).where(IndexVersionRow.id == version_id)
    await db.execute(row.values(stage=Stage.PRODUCTION, reason="", rejected=False))


def _next_revision(version: IndexVersion) -> ReturningUpdate[IndexVersionRow]:
    """Counts a version's revision up, unless it is live no more or somebody else has done so."""
    as_read = (
        IndexVersionRow.id == version.id,
        IndexVersionRow.stage == Stage.PRODUCTION,
        IndexVersionRow.revision == version.revision,
    )
    return (
        update(IndexVersionRow)
        .where(*as_read)
        .values(revision=version.revision + 1, changed_at=now())
        .returning(IndexVersionRow)
    )


async def _birth(db: AsyncSession, version_id: str) -> str:
    """The first change that made a version live."""
    query = select(ChangeRow.id).where(ChangeRow.version_id == version_id).order_by(ChangeRow.id)
    return await db.scalar(query.limit(1)) or ""


async def _record(
    db: AsyncSession, version_id: str, before_id: str | None, changed: list[ChangedPage], *, undone: bool = False
) -> Change:
    row = ChangeRow(id=new_id(), version_id=version_id, before_id=before_id, undone_at=now() if undone else None)
    db.add(row)
    await db.flush()
    db.add_all(
        ChangedPageRow(
            change_id=row.id,
            path=page.path,
            source=page.source,
            before_hash=page.before_hash,
            after_hash=page.after_hash,
        )
        for page in changed
    )
    await db.flush()
    return _change(row, changed)


def _content_rows(version_id: str, pages: list[IndexedPage]) -> list[IndexContentRow]:
    return [
        IndexContentRow(
            version_id=version_id, path=page.path, content_hash=page.content_hash, passages=list(page.passages)
        )
        for page in pages
    ]


async def stored_change(db: AsyncSession, change_id: str | None) -> Change | None:
    """A change with its pages, if it is on record."""
    row = await db.get(ChangeRow, change_id) if change_id else None
    if row is None:
        return None
    pages = await db.scalars(select(ChangedPageRow).where(ChangedPageRow.change_id == row.id))
    return _change(row, [ChangedPage(page.path, page.source, page.before_hash, page.after_hash) for page in pages])


def _change(row: ChangeRow, pages: list[ChangedPage]) -> Change:
    return Change(
        id=row.id,
        version_id=row.version_id,
        before_id=row.before_id,
        added=tuple(page.path for page in pages if not page.before_hash),
        changed=tuple(page.path for page in pages if page.before_hash and page.after_hash),
        removed=tuple(page.path for page in pages if not page.after_hash),
        created_at=row.created_at,
        undone_at=row.undone_at,
    )


def evaluation_of(row: EvaluationRow) -> Evaluation:
    """The evaluation that a row stores."""
    return Evaluation(row.id, row.version_id, row.revision, row.questions, row.scores, row.outcomes, row.created_at)


def version_of(row: IndexVersionRow) -> IndexVersion:
    """The version that a row stores."""
    return IndexVersion(
        id=row.id,
        stage=Stage(row.stage),
        configuration=row.fingerprint,
        documents=row.documents,
        passages=row.passages,
        seconds=row.seconds,
        created_at=row.created_at,
        revision=row.revision,
        reason=row.reason,
        changed_at=row.changed_at,
    )
