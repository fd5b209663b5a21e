"""Alembic's entry: runs the migrations over the async engine of `core.storage`, one process at a time.

Beside the revision it notes the floor: the newest one on the way that `contracts`. Code that knows it may use the
schema, newer or not.
"""

import asyncio

from alembic import context
from sqlalchemy import delete, insert, text
from sqlalchemy.engine import Connection

from core.settings import load_settings
from core.storage import (  # so that all tables are known
    gap_models,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    library_models,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    people_models,  # noqa: F401  # pyright: ignore[reportUnusedImport]
)
from core.storage.engine import create_engine
from core.storage.models import Base, SchemaFloorRow
from core.storage.search import in_models

ONE_AT_A_TIME = 7_305_014
"""The advisory lock of Postgres under which tables are changed: of processes that start together one migrates."""


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        include_name=in_models,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": ONE_AT_A_TIME})
        context.run_migrations()
        _note_floor(connection)


def _note_floor(connection: Connection) -> None:
    reached = context.get_context().get_current_revision()
    passed = context.script.iterate_revisions(reached, "base") if reached else ()
    floor = next((script.revision for script in passed if getattr(script.module, "contracts", False)), None)
    if floor is not None:
        connection.execute(delete(SchemaFloorRow))
        connection.execute(insert(SchemaFloorRow).values(revision=floor))


async def _online() -> None:
    url = context.config.attributes.get("url") or load_settings().sqlalchemy_url
    engine = create_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run)
            await connection.commit()
    finally:
        await engine.dispose()


asyncio.run(_online())
