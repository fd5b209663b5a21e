"""The migrations lead to the tables that the models describe, on SQLite and on Postgres, there and back."""

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from core.domain.history import Listed, SessionFilter
from core.errors import SchemaOutdated, StorageError
from core.settings import load_settings
from core.storage.conversations import Conversations
from core.storage.engine import Database
from core.storage.migrate import migrate
from core.storage.models import Base
from core.storage.search import in_models

TABLES = set(Base.metadata.tables) | {"alembic_version"}


@pytest.fixture
def url(database_url: str) -> str:
    return load_settings(database_url=database_url).sqlalchemy_url


@pytest.fixture
def engine(url: str) -> Engine:
    return create_engine(url.replace("+aiosqlite", ""))


def tables(engine: Engine) -> set[str]:
    """All but those of the search, which are no models'."""
    return {name for name in inspect(engine).get_table_names() if in_models(name, "table", {})}


def revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def test_empty_database_gets_every_table(url: str, engine: Engine) -> None:
    reached = migrate(url)
    assert tables(engine) == TABLES
    assert reached == revision(engine)
    engine.dispose()


def test_migrated_schema_is_what_the_models_describe(url: str, engine: Engine) -> None:
    migrate(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": in_models})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_migrations_go_down_to_nothing_and_up_again(url: str, engine: Engine) -> None:
    head = migrate(url)
    assert migrate(url, "base") == "base"
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert migrate(url) == head
    assert tables(engine) == TABLES
    engine.dispose()


def test_migrating_twice_keeps_what_is_stored(url: str, engine: Engine) -> None:
    migrate(url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO seeded_sources VALUES ('docs')"))
    migrate(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM seeded_sources")).scalar_one() == "docs"
    engine.dispose()


def test_conversations_that_are_there_already_are_searched_and_counted(url: str, engine: Engine) -> None:
    migrate(url, "0005")
    moment = "'2026-03-01 00:00:00'"
    session = f"('s', 'slack', 'T', 'C', '1', 'Hello', {moment}, {moment}, 1, '', 0, '', NULL, '')"
    columns = "id, session_id, turn, reply_to, role, text, author, mode, status, placement, manner, keeper, covered"
    more = f"'', '', 0, 0, 9, {moment}"
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO sessions VALUES {session}"))  # noqa: S608
        for row in (
            "'q', 's', 1, NULL, 'user', 'zebra', 'ada', 'crew', 'delivered', '', 'reply', '', true",
            "'a', 's', 1, 'q', 'assistant', 'giraffe', '', 'crew', 'delivered', '', 'reply', '', false",
        ):
            names = f"{columns}, note, model, milliseconds, tokens, cost, created_at"
            connection.execute(text(f"INSERT INTO messages ({names}) VALUES ({row}, {more})"))  # noqa: S608
        connection.execute(text(f"INSERT INTO feedback VALUES ('f', 'a', 'bo', 'helpful', '', {moment}, '')"))  # noqa: S608
    migrate(url)

    async def listed() -> list[Listed]:
        database = Database(url)
        page = await Conversations(database).page(SessionFilter(search="giraffe", person="ada"), 5)
        await database.close()
        return list(page.items)

    [found] = asyncio.run(listed())
    assert (found.hit, found.uncovered, found.helpful, found.unhelpful, found.cost) == ("giraffe", 1, 1, 0, 18)
    engine.dispose()


def test_step_down_names_the_revision_that_it_reached(url: str, engine: Engine) -> None:
    migrate(url)
    reached = migrate(url, "-1")
    assert reached == (revision(engine) or "base")
    engine.dispose()


def test_database_of_a_newer_assistant_is_left_as_it_is(url: str, engine: Engine) -> None:
    migrate(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("UPDATE schema_floor SET revision = '9999'"))
    with pytest.raises(SchemaOutdated, match=r"does not know \(.*9999.*\)\. It was left as it is"):
        migrate(url)
    assert revision(engine) == "9999"
    assert tables(engine) == TABLES
    engine.dispose()


def test_migration_makes_the_folder_of_the_database(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "assistant.db"
    migrate(load_settings(database_url=f"sqlite:///{path}").sqlalchemy_url)
    assert path.is_file()


def test_migration_below_a_file_says_that_the_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    url = load_settings(database_url=f"sqlite:///{tmp_path / 'file' / 'sub' / 'assistant.db'}").sqlalchemy_url
    with pytest.raises(StorageError, match="cannot be made"):
        migrate(url)
