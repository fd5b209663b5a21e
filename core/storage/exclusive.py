"""Locks that one process at a time holds, of all that share a database.

Comes in: the name of what is to be done alone. Goes out: a block in which nobody else does it. With SQLite that is a
lock of this process; with Postgres an advisory lock of a connection, which ends with the process, however that ends.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from zlib import crc32

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import StorageError
from core.storage.engine import Database

LOOK_SECONDS = 0.5
"""How often it is tried to get a lock that another process holds."""

SPACE = 7_305_015
"""The first number of our advisory locks, so that they are nobody else's; the second is made of the name."""

Confirm = Callable[[], Awaitable[object]]
"""Raises StorageError when the lock may be lost, because its connection is."""


class Exclusive:
    """One thing that is done by one process at a time."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._names = {"space": SPACE, "name": crc32(name.encode()) - 2**31}
        self._here = asyncio.Lock()

    @property
    def held(self) -> bool:
        """Whether this process holds it."""
        return self._here.locked()

    @asynccontextmanager
    async def hold(self) -> AsyncGenerator[Confirm]:
        """Waits until nobody else holds it, and holds it while the block runs. Raises StorageError."""
        async with self._here:
            if self._database.embedded:
                yield _nothing
                return
            session = await self._acquired()
            try:
                yield lambda: self._ask(session, "SELECT 1")
            finally:
                with suppress(StorageError):  # a connection that is lost has given the lock back
                    await self._ask(session, "SELECT pg_advisory_unlock(:space, :name)")
                await session.close()

    async def _acquired(self) -> AsyncSession:
        """A connection that holds the lock."""
        while True:
            session = self._database.reader()
            try:
                if await self._ask(session, "SELECT pg_try_advisory_lock(:space, :name)"):
                    return session
            except BaseException:  # cancelled as well
                await session.close()
                raise
            await session.close()
            await asyncio.sleep(LOOK_SECONDS)

    async def _ask(self, session: AsyncSession, statement: str) -> Any:
        async with self._database.explained():
            return await session.scalar(text(statement), self._names if ":" in statement else {})


async def _nothing() -> None:
    """A lock of this process cannot be lost."""
