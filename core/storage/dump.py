"""All rows of a database as files of JSON lines, and back into an empty database of either kind.

Comes in: the address of a database and a folder. Goes out: a file a table, from one snapshot, so that it fits together
however much is written meanwhile. Tables are taken as they are found, not as the models say: a dump is older than the
code that reads it. Called by `core.operations.backup`. All of it blocks.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import DBAPIError

from core.errors import InputError
from core.storage.engine import explain
from core.storage.migrate import migrate
from core.storage.search import in_models

BATCH = 500
"""Rows that are written at a time."""

KEPT_OUT = {"alembic_version", "schema_floor", "executors"}
"""Kept by the migrations; and which processes lived, none of which does where the rows are brought back."""

SCHEMA = "schema.json"
"""The columns of each table, for those that no migration makes (slack_sdk's own)."""


def dump(url: str, folder: Path) -> tuple[str, dict[str, int]]:
    """Writes `<table>.jsonl` for each table; gives the revision of the schema and the number of rows by table.

    Raises StorageError.
    """
    with _opened(url) as connection:
        tables = _tables(connection)
        columns = {table.name: [_described(column) for column in table.columns] for table in tables}
        (folder / SCHEMA).write_text(json.dumps(columns), encoding="utf-8")
        rows = {table.name: _write(connection, table, folder / f"{table.name}.jsonl") for table in tables}
        return MigrationContext.configure(connection).get_current_revision() or "base", rows


def is_empty(url: str) -> bool:
    """Whether a database holds no conversation and no page. Raises StorageError."""
    with _opened(url) as connection:
        tables = {table.name: table for table in _tables(connection)}
        wanted = [tables[name] for name in ("sessions", "documents") if name in tables]
        return not any(connection.execute(sa.select(sa.literal(1)).select_from(t).limit(1)).first() for t in wanted)


def is_in_use(url: str) -> bool:
    """Whether other connections to a Postgres are open; of a SQLite nobody knows. Raises StorageError."""
    if url.startswith("sqlite"):
        return False
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with _opened(url) as connection:
        return bool(connection.scalar(sa.text(others)))


def load(url: str, folder: Path, revision: str) -> dict[str, int]:
    """Empties a database and brings a dump of that revision into it, all of it or nothing; then migrates it.

    Gives the rows by table. Raises StorageError; the database is empty then.
    """
    migrate(url, "base")
    migrate(url, revision)
    described: dict[str, list[dict[str, Any]]] = json.loads((folder / SCHEMA).read_text(encoding="utf-8"))
    with _opened(url, writing=True) as connection:
        if connection.dialect.name == "postgresql":  # the ledger speaks of turns that go
            connection.execute(sa.text("DROP SCHEMA IF EXISTS dbos CASCADE"))
        there = {table.name for table in _tables(connection)}
        for name in described.keys() - there:
            _made(name, described[name]).create(connection)
        tables = [table for table in _tables(connection) if table.name in described]
        for table in reversed(tables):  # what migrations put in
            connection.execute(table.delete())
        rows = {table.name: _read(connection, table, folder / f"{table.name}.jsonl") for table in tables}
    migrate(url)
    return rows


@contextmanager
def _opened(url: str, *, writing: bool = False) -> Generator[sa.Connection]:
    """One connection that sees one state of the database."""
    sqlite = url.startswith("sqlite")
    level = "AUTOCOMMIT" if sqlite else "SERIALIZABLE" if writing else "REPEATABLE READ"
    engine = sa.create_engine(url.replace("+aiosqlite", ""), isolation_level=level)
    try:
        with engine.connect() as connection:
            if sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
            yield connection
            connection.commit()
    except DBAPIError as error:
        raise explain(error, "of the backup") from error
    finally:
        engine.dispose()


def _tables(connection: sa.Connection) -> list[sa.Table]:
    """Ours, those that others point to first."""
    metadata = sa.MetaData()
    metadata.reflect(connection, only=lambda name, _: name not in KEPT_OUT and in_models(name, "table", {}))
    return metadata.sorted_tables


def _write(connection: sa.Connection, table: sa.Table, path: Path) -> int:
    count = 0
    rows = connection.execution_options(yield_per=BATCH).execute(sa.select(table).order_by(*table.primary_key.columns))
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps([_plain(value) for value in row], ensure_ascii=False) + "\n")
            count += 1
    return count


def _read(connection: sa.Connection, table: sa.Table, path: Path) -> int:
    described = json.loads((path.parent / SCHEMA).read_text(encoding="utf-8"))[table.name]
    names = [column["name"] for column in described]
    if missing := set(names) - set(table.columns.keys()):
        raise InputError(f"The backup has columns of {table.name} that nobody knows: {', '.join(sorted(missing))}.")
    columns: list[sa.Column[Any]] = [table.columns[name] for name in names]
    for column in columns:
        if isinstance(column.type, sa.JSON):
            column.type.none_as_null = True
    count = 0
    with path.open(encoding="utf-8") as file:
        while lines := list(islice(file, BATCH)):
            rows = [
                {column.name: _typed(column, value) for column, value in zip(columns, json.loads(line), strict=True)}
                for line in lines
            ]
            connection.execute(table.insert(), rows)
            count += len(rows)
    _count_on(connection, table)
    return count


def _count_on(connection: sa.Connection, table: sa.Table) -> None:
    """Postgres numbers new rows by a sequence, which does not see those that bring their number."""
    keys = list(table.primary_key.columns)
    if connection.dialect.name == "postgresql" and len(keys) == 1 and isinstance(keys[0].type, sa.Integer):
        highest = sa.select(sa.func.coalesce(sa.func.max(keys[0]), 0) + 1).scalar_subquery()
        sequence = sa.func.pg_get_serial_sequence(table.name, keys[0].name)
        connection.execute(sa.select(sa.func.setval(sequence, highest, sa.false())))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return b64encode(value).decode() if isinstance(value, bytes) else value


def _typed(column: "sa.Column[Any]", value: Any) -> Any:
    if isinstance(column.type, sa.DateTime) and value is not None:
        moment = datetime.fromisoformat(value)
        return moment if getattr(column.type, "timezone", False) else moment.replace(tzinfo=None)
    return b64decode(value) if isinstance(column.type, sa.LargeBinary) and value is not None else value


def _described(column: "sa.Column[Any]") -> dict[str, Any]:
    kind = column.type.as_generic()
    return {
        "name": column.name,
        "type": type(kind).__name__,
        "length": getattr(kind, "length", None),
        "key": column.primary_key,
        "nullable": bool(column.nullable),
    }


def _made(name: str, columns: list[dict[str, Any]]) -> sa.Table:
    made: list[sa.Column[Any]] = []
    for column in columns:
        kind: Any = getattr(sa, column["type"])
        made.append(
            sa.Column(
                column["name"],
                kind(column["length"]) if column["length"] else kind(),
                primary_key=column["key"],
                nullable=column["nullable"],
            )
        )
    return sa.Table(name, sa.MetaData(), *made)
