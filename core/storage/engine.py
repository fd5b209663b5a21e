"""Opens the database and hands out transactions.

Comes in: an SQLAlchemy address. Goes out: `Database.begin()`, one transaction that commits when its block ends, and
`Database.read()` for what changes nothing, with the driver's errors turned into ours. Used by the repositories alone.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, event, text
from sqlalchemy import create_engine as create_sync_engine
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from core.errors import SchemaOutdated, StorageError, StorageFull

UNDEFINED_TABLE = "42P01"
"""Of Postgres."""

PRAGMAS = ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL")

SUBSECONDS_SINCE = (3, 42)
"""The SQLite that knows `unixepoch('subsec')`: from Python 3.12 on, DBOS has it in its tables without asking."""

THREADS = 4
"""For transactions that run as a whole; on SQLite one of them writes at a time."""

T = TypeVar("T")

BUSY_SECONDS = 5
"""How long a SQLite writer waits for another one before the database counts as locked."""


def create_engine(url: str) -> AsyncEngine:
    """An engine for `url`; SQLite gets WAL, foreign keys and a wait for other writers."""
    parsed = make_url(url)
    if not parsed.drivername.startswith("sqlite"):
        return create_async_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=10)
    if parsed.database:
        try:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"The folder of the database {parsed.database} cannot be made: {error}.") from error
    engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:  # pyright: ignore[reportUnusedFunction]
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def create_direct_engine(url: str, *, patience: float = BUSY_SECONDS) -> Engine:
    """An engine for whole transactions on a thread; transactions on SQLite that write begin as writers.

    DBOS keeps its ledger through one too.
    """
    parsed = make_url(url)
    if not parsed.drivername.startswith("sqlite"):
        return create_sync_engine(url, pool_pre_ping=True, pool_size=THREADS, max_overflow=THREADS)
    engine = create_sync_engine(parsed.set(drivername="sqlite"), connect_args={"timeout": patience})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: ConnectionPoolEntry) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.isolation_level = "IMMEDIATE"
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        if sqlite3.sqlite_version_info < SUBSECONDS_SINCE:
            connection.create_function("unixepoch", 1, _unixepoch)

    return engine


def _unixepoch(_: str) -> float:
    return time.time()


class Database:
    """The engine and its transactions. Close it when the process ends."""

    def __init__(self, url: str) -> None:
        self.name = make_url(url).render_as_string(hide_password=True)
        parsed = make_url(url)
        self._file = Path(parsed.database) if parsed.drivername.startswith("sqlite") and parsed.database else None
        self._answered = False
        self._engine = create_engine(url)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._readers = async_sessionmaker(reading, expire_on_commit=False)
        self._writing = asyncio.Lock() if self.embedded else nullcontext()
        self._direct = create_direct_engine(url)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")

    @property
    def embedded(self) -> bool:
        """Whether this is SQLite, which takes one writer at a time."""
        return self._engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncSession]:
        """One transaction: committed at the end of the block, rolled back when it raises. Blocks do not nest.

        Raises SchemaOutdated when tables are missing, StorageError when the database cannot be used. Writers of one
        process wait in line for SQLite: it would let them fall over each other, and some would starve.
        """
        async with self._writing, self.explained(), self._sessions.begin() as session:
            yield session

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncSession]:
        """A connection for statements that change nothing. Raises as `begin` does."""
        async with self.explained(), self.reader() as session:
            yield session

    def reader(self) -> AsyncSession:
        """As `read`, for a connection that is kept; the caller closes it, and has errors `explained`."""
        return self._readers()

    async def transact(self, work: Callable[[Session], T]) -> T:
        """One transaction on a thread: committed when `work` returns, rolled back when it raises. Raises as `begin`."""

        def transaction() -> T:
            with Session(self._direct, expire_on_commit=False) as session, session.begin():
                return work(session)

        async with self._writing, self.explained():
            return await asyncio.get_running_loop().run_in_executor(self._threads, transaction)

    async def look(self, work: Callable[[Session], T]) -> T:
        """What `work` finds, on a thread; it changes nothing. Raises as `begin` does."""

        def reading() -> T:
            with Session(self._direct, expire_on_commit=False) as session:
                return work(session)

        async with self.explained():
            return await asyncio.get_running_loop().run_in_executor(self._threads, reading)

    @asynccontextmanager
    async def explained(self) -> AsyncGenerator[None]:
        """Turns the driver's errors into ours while the block runs."""
        try:
            yield
            self._answered = True
        except IntegrityError:
            raise  # a row that exists already is an answer, and the repositories know which one
        except DBAPIError as error:
            raise explain(error, self.name) from error
        except OSError as error:
            raise StorageError(
                f"The database {self.name} cannot be reached; nothing was lost. Start it, or correct DATABASE_URL.",
                detail=str(error),
            ) from error

    async def ping(self) -> None:
        """Raises StorageError or SchemaOutdated unless the database answers and has our tables."""
        if self._file and self._answered and not self._file.exists():  # an open connection would not notice
            raise StorageError(f"The file of the database, {self._file}, is gone. Bring it back, then start again.")
        async with self.read() as session:
            await session.execute(text("SELECT 1 FROM sessions LIMIT 1"))

    def connections(self) -> dict[str, int]:
        """How many connections are `busy`, how many `idle`, and how many there may be (`most`)."""
        pools: list[Any] = [self._engine.pool, self._direct.pool]
        return {
            "busy": sum(pool.checkedout() for pool in pools),
            "idle": sum(pool.checkedin() for pool in pools),
            "most": sum(pool.size() + pool._max_overflow for pool in pools),  # noqa: SLF001 - it tells nobody else
        }

    async def close(self) -> None:
        """Gives every connection back."""
        await self._engine.dispose()
        self._threads.shutdown()
        self._direct.dispose()


def explain(error: DBAPIError, name: str) -> StorageError:
    """The sentence for a driver's error."""
    reason = str(error.orig).lower()
    if "no such table" in reason or getattr(error.orig, "sqlstate", None) == UNDEFINED_TABLE:
        return SchemaOutdated(
            f"The database {name} has not been migrated. Run `mlops-assistant migrate`.", detail=reason
        )
    if "locked" in reason:
        return StorageError(
            f"The database {name} is locked by another program; nothing was lost. Close that program and try again.",
            detail=reason,
        )
    if "readonly" in reason or "read-only" in reason:
        return StorageError(f"The database {name} is read-only. Check the permissions of its folder.", detail=reason)
    if "malformed" in reason or "not a database" in reason:
        return StorageError(
            f"The file of the database {name} is damaged. It was left as it is: restore a copy, or move it away "
            "to start afresh.",
            detail=reason,
        )
    if "disk is full" in reason or "no space left" in reason:
        return StorageFull(
            f"There is no room left for the database {name}; what it holds is whole. Make room, then ask again.",
            detail=reason,
        )
    return StorageError(
        f"The database {name} cannot be used right now; nothing was lost. Check that it runs and that "
        "DATABASE_URL is right.",
        detail=reason,
    )
