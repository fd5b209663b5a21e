"""Brings the tables to a revision with Alembic; `mlops-assistant migrate` and the start of `serve` call it."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from core.errors import SchemaOutdated, StorageError
from core.storage.engine import create_engine, explain

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def migrate(url: str, revision: str = "head") -> str:
    """Upgrades or downgrades to `revision` and gives the one reached. Blocks; needs no running event loop.

    `revision` is Alembic's: `head`, `base`, `-1`, or an identifier. Raises StorageError.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    down = revision == "base" or revision.startswith("-")
    try:
        (command.downgrade if down else command.upgrade)(config, revision)
    except CommandError as error:
        raise SchemaOutdated(
            f"The database has a schema that this version does not know ({error}). It was left as it is: use the "
            "version of the assistant that made it, or a newer one."
        ) from error
    except DBAPIError as error:
        raise explain(error, "that DATABASE_URL names" if "sqlite" not in url else "in VAR_DIR") from error
    except OSError as error:
        raise StorageError(f"The database cannot be reached: {error}. Nothing was changed.") from error
    return asyncio.run(_reached(url))


async def _reached(url: str) -> str:
    engine = create_engine(url)
    try:
        async with engine.connect() as connection:
            revision = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    finally:
        await engine.dispose()
    return revision or "base"
