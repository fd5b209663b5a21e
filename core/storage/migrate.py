"""Brings the tables to a revision with Alembic; `mlops-assistant migrate` and the start of `serve` call it.

A schema of a newer version is used as it is when it only added to what this version knows, so that a deployment can go
one version back without its data.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, select
from sqlalchemy.exc import DBAPIError

from core.errors import SchemaOutdated, StorageError
from core.storage.engine import create_engine, explain
from core.storage.models import SchemaFloorRow

_log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def migrate(url: str, revision: str = "head") -> str:
    """Upgrades or downgrades to `revision` and gives the one reached. Blocks; needs no running event loop.

    `revision` is Alembic's: `head`, `base`, `-1`, or an identifier. Raises StorageError.
    """
    config = _config(url)
    down = revision == "base" or revision.startswith("-")
    try:
        (command.downgrade if down else command.upgrade)(config, revision)
    except CommandError as error:
        if revision == "head" and asyncio.run(_read(url, _floor)) in _known(config):
            newer = asyncio.run(_read(url, _revision)) or "base"
            _log.warning("the database is at revision %s of a newer version, which serves this one too", newer)
            return newer
        raise _unknown(str(error)) from error
    except DBAPIError as error:
        raise explain(error, "that DATABASE_URL names" if "sqlite" not in url else "in VAR_DIR") from error
    except OSError as error:
        raise StorageError(f"The database cannot be reached: {error}. Nothing was changed.") from error
    return asyncio.run(_read(url, _revision)) or "base"


def knows(revision: str) -> bool:
    """Whether this version knows a revision of the schema."""
    return revision in _known(_config("")) or revision == "base"


async def is_current(url: str) -> bool:
    """Whether every migration of this version has run; changes nothing.

    Raises SchemaOutdated for a schema that this version can neither use nor bring up to date.
    """
    try:
        revision, floor = await _read(url, _revision), await _read(url, _floor)
    except DBAPIError as error:
        raise explain(error, "that DATABASE_URL names" if "sqlite" not in url else "in VAR_DIR") from error
    except OSError as error:
        raise StorageError(f"The database cannot be reached: {error}. Nothing was changed.") from error
    config = _config(url)
    if revision is not None and revision not in _known(config):
        if floor not in _known(config):
            raise _unknown(revision)
        return True
    return revision == ScriptDirectory.from_config(config).get_current_head()


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    return config


def _unknown(what: str) -> SchemaOutdated:
    return SchemaOutdated(
        f"The database has a schema that this version does not know ({what}). It was left as it is: use the "
        "version of the assistant that made it, or a newer one."
    )


def _known(config: Config) -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _floor(connection: Connection) -> str | None:
    there = inspect(connection).has_table(SchemaFloorRow.__tablename__)
    return connection.scalar(select(SchemaFloorRow.revision)) if there else None


async def _read(url: str, what: Callable[[Connection], str | None]) -> str | None:
    engine = create_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(what)
    finally:
        await engine.dispose()
