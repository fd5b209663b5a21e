"""Alembic's entry: runs the migrations over the async engine of `core.storage`."""

import asyncio

from alembic import context
from sqlalchemy.engine import Connection

from core.settings import load_settings
from core.storage import (  # so that all tables are known
    gap_models,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    library_models,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    people_models,  # noqa: F401  # pyright: ignore[reportUnusedImport]
)
from core.storage.engine import create_engine
from core.storage.models import Base
from core.storage.search import in_models


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        include_name=in_models,
    )
    with context.begin_transaction():
        context.run_migrations()


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
