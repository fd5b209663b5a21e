"""What language models cost each day, by person, channel and workspace.

Comes in: micro-dollars and tokens of a turn. Goes out: sums of a day. Called by `core.answering.turns.budgets`.
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from core.storage.engine import Database
from core.storage.models import SpendingRow

Account = tuple[str, str]
"""A scope ("user", "channel" or "workspace") and its key within all platforms."""


class Spending:
    """The repository of costs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, day: date, accounts: Sequence[Account], cost: int, tokens: int) -> None:
        """Adds what a turn cost, in micro-dollars and tokens, to each of the accounts."""
        insert = sqlite.insert if self._database.embedded else postgresql.insert
        rows = [
            {"day": day.isoformat(), "scope": scope, "key": key, "cost": cost, "tokens": tokens}
            for scope, key in accounts
        ]
        statement = insert(SpendingRow).values(rows)
        more = {
            "cost": SpendingRow.cost + statement.excluded.cost,
            "tokens": SpendingRow.tokens + statement.excluded.tokens,
        }
        async with self._database.begin() as db:
            await db.execute(statement.on_conflict_do_update(index_elements=["day", "scope", "key"], set_=more))

    async def highest(self, day: date, scope: str, least: int, count: int) -> list[tuple[str, int]]:
        """The accounts of a scope that have cost at least so much on a day, with what they cost, the dearest first."""
        here = (SpendingRow.day == day.isoformat(), SpendingRow.scope == scope, SpendingRow.cost >= least)
        query = select(SpendingRow.key, SpendingRow.cost).where(*here).order_by(SpendingRow.cost.desc()).limit(count)
        async with self._database.read() as db:
            return [(key, cost) for key, cost in (await db.execute(query)).all()]

    async def spent(self, day: date, accounts: Sequence[Account]) -> dict[Account, int]:
        """Micro-dollars that each of the accounts has cost on a day; those that cost nothing are left out."""
        here = tuple_(SpendingRow.scope, SpendingRow.key).in_(accounts)
        async with self._database.read() as db:
            query = select(SpendingRow.scope, SpendingRow.key, SpendingRow.cost)
            rows = await db.execute(query.where(SpendingRow.day == day.isoformat(), here))
            return {(scope, key): cost for scope, key, cost in rows.all()}
