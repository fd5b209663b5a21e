"""What the Postgres lets us do, and what time it has there.

Comes in: the address of the database. Goes out: `Rights`, and a time. Called by the preflight.
"""

from typing import NamedTuple

from sqlalchemy import text

from core.storage.engine import Database

_RIGHTS = """SELECT current_user, coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
    to_regnamespace('dbos') IS NOT NULL OR has_database_privilege(current_database(), 'CREATE')"""


class Rights(NamedTuple):
    """Who we are to the Postgres, and whether we may make our tables and the schema of the ledger."""

    user: str
    tables: bool
    ledger: bool


async def rights(url: str) -> Rights:
    """Our rights on a Postgres. Raises StorageError."""
    database = Database(url)
    try:
        async with database.read() as session:
            return Rights(*(await session.execute(text(_RIGHTS))).one())
    finally:
        await database.close()


async def time_there(url: str) -> float:
    """The time of a Postgres, in seconds since 1970. Raises StorageError."""
    database = Database(url)
    try:
        async with database.read() as session:
            return float(await session.scalar(text("SELECT extract(epoch FROM now())")) or 0)
    finally:
        await database.close()
