"""The record of refreshes: who asked, how each ended and why.

Comes in: runs from the refresh. Goes out: runs for the console, the command and HTTP.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, select, update

from core.domain.knowledge import AskedRun, Change, IndexVersion, Progress, RefreshRun, RunStatus
from core.storage.engine import Database
from core.storage.ids import new_id, now
from core.storage.library_models import IndexVersionRow, RefreshRunRow
from core.storage.versions import stored_change, version_of


class Runs:
    """The repository of refresh runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self, trigger: str) -> RefreshRun:
        """Opens the record of a refresh."""
        async with self._database.begin() as db:
            row = RefreshRunRow(id=new_id(), trigger=trigger, status=RunStatus.RUNNING, started_at=now())
            db.add(row)
        return RefreshRun(row.id, trigger, RunStatus.RUNNING, row.started_at)

    async def ask(self, trigger: str, *, rebuild: bool, only: str) -> str:
        """Asks the workers for a refresh; gives the id of its record, or of the one that is asked for already."""
        async with self._database.begin() as db:
            row = RefreshRunRow(
                id=new_id(), trigger=trigger, status=RunStatus.RUNNING, asked=True, rebuild=rebuild, only=only
            )
            db.add(row)
        first = await self.next_asked()
        if first is None or first.run.id == row.id:
            return row.id
        async with self._database.begin() as db:
            await db.execute(delete(RefreshRunRow).where(RefreshRunRow.id == row.id))
        return first.run.id

    async def next_asked(self) -> AskedRun | None:
        """The first refresh asked for that has not ended, whether or not a worker has begun with it."""
        query = select(RefreshRunRow).where(*_ASKED).order_by(RefreshRunRow.id).limit(1)
        async with self._database.read() as db:
            row = await db.scalar(query)
            return _asked(row, None) if row else None

    async def asked(self, run_id: str) -> AskedRun | None:
        """A refresh that was asked for, with what it changed once it has ended."""
        async with self._database.read() as db:
            row = await db.get(RefreshRunRow, run_id)
            if row is None:
                return None
            version = await db.get(IndexVersionRow, row.version_id) if row.version_id else None
            found = _asked(row, version)
            return replace(found, run=replace(found.run, change=await stored_change(db, row.change_id)))

    async def report(self, run_id: str, progress: Progress) -> bool:
        """Notes how far a refresh is. False: somebody cancelled it."""
        row = update(RefreshRunRow).where(RefreshRunRow.id == run_id)
        async with self._database.begin() as db:
            return not await db.scalar(row.values(progress=asdict(progress)).returning(RefreshRunRow.cancelled))

    async def cancel(self) -> bool:
        """Asks for an end of the refreshes that were asked for. False: there is none."""
        row = update(RefreshRunRow).where(*_ASKED).values(cancelled=True).returning(RefreshRunRow.id)
        async with self._database.begin() as db:
            return bool((await db.scalars(row)).all())

    async def finish(
        self,
        run: RefreshRun,
        status: RunStatus,
        *,
        reason: str = "",
        problems: int = 0,
        version: IndexVersion | None = None,
        change: Change | None = None,
    ) -> RefreshRun:
        """Closes the record of a refresh."""
        finished = now()
        values: Mapping[str, Any] = {
            "status": status,
            "reason": reason,
            "problems": problems,
            "finished_at": finished,
            "version_id": version.id if version else None,
            "change_id": change.id if change else None,
        }
        async with self._database.begin() as db:
            await db.execute(update(RefreshRunRow).where(RefreshRunRow.id == run.id).values(**values))
        return RefreshRun(run.id, run.trigger, status, run.started_at, finished, reason, version, change, problems)

    async def abandon(self, before: datetime | None = None) -> int:
        """Closes runs that a stopped process left open; gives their number.

        With `before`, only those that began earlier and that no worker will take up.
        """
        open_runs = and_(RefreshRunRow.status == RunStatus.RUNNING, RefreshRunRow.started_at < (before or now()))
        if before:
            open_runs &= ~RefreshRunRow.asked
        ended = {"status": RunStatus.FAILED, "reason": "The process stopped in the middle.", "finished_at": now()}
        async with self._database.begin() as db:
            count = await db.scalar(select(func.count()).where(open_runs)) or 0
            await db.execute(update(RefreshRunRow).where(open_runs).values(**ended))
            return count

    async def counts(self) -> dict[tuple[str, str], int]:
        """How many refreshes there were, by trigger and status."""
        query = select(RefreshRunRow.trigger, RefreshRunRow.status, func.count())
        async with self._database.read() as db:
            rows = await db.execute(query.group_by(RefreshRunRow.trigger, RefreshRunRow.status))
            return {(trigger, status): count for trigger, status, count in rows}

    async def last_success(self) -> datetime | None:
        """When a refresh last ended without a failure (UTC), whether or not it changed anything."""
        ended = RefreshRunRow.status.not_in([RunStatus.RUNNING, RunStatus.FAILED])
        query = select(RefreshRunRow.finished_at).where(ended).order_by(RefreshRunRow.id.desc()).limit(1)
        async with self._database.read() as db:
            return await db.scalar(query)

    async def latest(self, limit: int = 20) -> list[RefreshRun]:
        """The latest refreshes, newest first."""
        query = (
            select(RefreshRunRow, IndexVersionRow)
            .outerjoin(IndexVersionRow, IndexVersionRow.id == RefreshRunRow.version_id)
            .order_by(RefreshRunRow.id.desc())
            .limit(limit)
        )
        async with self._database.read() as db:
            return [_run(run, version) for run, version in (await db.execute(query))]


_ASKED = (RefreshRunRow.asked.is_(True), RefreshRunRow.status == RunStatus.RUNNING)


def _asked(row: RefreshRunRow, version: IndexVersionRow | None) -> AskedRun:
    progress = Progress(**row.progress) if row.progress else Progress("waiting")
    return AskedRun(_run(row, version), row.rebuild, row.only, progress, row.cancelled)


def _run(row: RefreshRunRow, version: IndexVersionRow | None) -> RefreshRun:
    return RefreshRun(
        id=row.id,
        trigger=row.trigger,
        status=RunStatus(row.status),
        started_at=row.started_at,
        finished_at=row.finished_at,
        reason=row.reason,
        version=version_of(version) if version else None,
        problems=row.problems,
    )
