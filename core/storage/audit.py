"""The record of changes: who changed what, how it was before and how it is now.

Comes in: what was done, from the services that do it. Goes out: `Change`s for the console. Whoever acts is known from
`core.domain.people.acting`. Values that are secret never come in.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from core.domain.people import Change, acting
from core.storage.engine import Database
from core.storage.models import AuditRow


class Audit:
    """The repository of changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(
        self,
        action: str,
        subject: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes down a change that was made; of before and after, only what differs is kept. Values are JSON."""
        old, new = _differing(before or {}, after or {})
        async with self._database.begin() as db:
            db.add(AuditRow(who=acting(), action=action, subject=subject, before=old, after=new))

    async def latest(
        self, count: int, *, before: str = "", who: str = "", action: str = "", subject: str = ""
    ) -> list[Change]:
        """Changes, the latest first, those older than the one with the id `before`; kept to what is named.

        `who` may be a part of a name, `action` how one begins.
        """
        query = select(AuditRow).order_by(AuditRow.id.desc()).limit(count)
        if before:
            query = query.where(AuditRow.id < before)
        if who:
            query = query.where(AuditRow.who.icontains(who, autoescape=True))
        if action:
            query = query.where(AuditRow.action.startswith(action, autoescape=True))
        if subject:
            query = query.where(AuditRow.subject == subject)
        async with self._database.read() as db:
            return [
                Change(row.id, row.at, row.who, row.action, row.subject, row.before, row.after)
                for row in await db.scalars(query)
            ]


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is on one side only or differs, in the order of its names."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return (
        {name: before[name] for name in names if name in before},
        {name: after[name] for name in names if name in after},
    )
