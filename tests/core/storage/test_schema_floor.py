"""A version back: a schema that only gained something serves the code before it, and the migrations keep to that."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, select

from core.errors import SchemaOutdated
from core.settings import Settings, load_settings
from core.storage import migrate as migration
from core.storage.migrate import MIGRATIONS, migrate
from core.storage.models import SchemaFloorRow

ROOT = MIGRATIONS.parent
NEXT = """
from alembic import op
import sqlalchemy as sa
revision, down_revision, contracts = "next", "{head}", {contracts}
def upgrade():
    op.add_column("sessions", sa.Column("mood", sa.String(20), nullable=True))
def downgrade():
    op.drop_column("sessions", "mood")
"""


@pytest.fixture
def url(database_url: str) -> str:
    return load_settings(database_url=database_url).sqlalchemy_url


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    engine = create_engine(url.replace("+aiosqlite", ""))
    yield engine
    engine.dispose()


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


@pytest.fixture
def newer_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Migrates a database with one more migration than there is."""

    def migrated(url: str, *, contracts: bool) -> None:
        folder = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
        script = NEXT.format(head=scripts().get_current_head(), contracts=contracts)
        (folder / "versions" / "next.py").write_text(script, encoding="utf-8")
        with monkeypatch.context() as patch:
            patch.setattr(migration, "MIGRATIONS", folder)
            assert migrate(url) == "next"

    return migrated


def test_schema_that_gained_a_column_serves_this_version(url: str, newer_version: Callable[..., None]) -> None:
    newer_version(url, contracts=False)
    assert migrate(url) == "next"
    with opened(url) as engine:
        assert "mood" in {column["name"] for column in inspect(engine).get_columns("sessions")}


def test_schema_that_lost_something_is_refused_and_left_alone(url: str, newer_version: Callable[..., None]) -> None:
    newer_version(url, contracts=True)
    with pytest.raises(SchemaOutdated, match="It was left as it is"):
        migrate(url)
    with opened(url) as engine, engine.connect() as connection:
        assert connection.scalar(select(SchemaFloorRow.revision)) == "next"


def test_a_step_back_lowers_the_floor(
    url: str, newer_version: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer_version(url, contracts=True)
    with monkeypatch.context() as patch:
        patch.setattr(migration, "MIGRATIONS", tmp_path / "migrations")
        reached = migrate(url, "-1")
    assert migrate(url) == reached == scripts().get_current_head()


def expanding() -> list[tuple[str, str]]:
    """(revision before, revision) of every migration since the floor was introduced that says it only adds."""
    found: list[tuple[str, str]] = []
    for script in scripts().walk_revisions():
        if script.doc.startswith("Which code a schema serves"):
            break
        if not getattr(script.module, "contracts", False):
            found.append((str(script.down_revision), script.revision))
    return found


@pytest.mark.parametrize(("before", "after"), expanding())
def test_migration_that_does_not_contract_only_adds(url: str, before: str, after: str) -> None:
    migrate(url, before)
    with opened(url) as engine:
        old = columns(engine)
    migrate(url, after)
    with opened(url) as engine:
        new = columns(engine)
    changed = [name for name, kind in old.items() if name not in new or not takes_as_much(new[name], kind)]
    assert not changed, "columns that the code before still uses"
    tables = {table for table, _ in old}
    demanded = [name for name, (_, given) in new.items() if name not in old and name[0] in tables and not given]
    assert not demanded, "columns that the code before does not fill"


def takes_as_much(new: tuple[str, bool], old: tuple[str, bool]) -> bool:
    """Whether a column is of the type that it was; texts may be longer."""
    (kind, _, length), (kind_before, _, length_before) = (column[0].partition("(") for column in (new, old))
    longer = kind == kind_before == "VARCHAR" and int(length.rstrip(")")) > int(length_before.rstrip(")"))
    return new == old or (longer and new[1] == old[1])


def columns(engine: Engine) -> dict[tuple[str, str], tuple[str, bool]]:
    """By table and column: its type, and whether a row may come without it."""
    looked = inspect(engine)
    return {
        (table, column["name"]): (str(column["type"]), column["nullable"] or column["default"] is not None)
        for table in looked.get_table_names()
        if table != "alembic_version"
        for column in looked.get_columns(table)
    }


def git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


@pytest.fixture(scope="session")
def version_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code as it was before the newest migration, out of the history."""
    try:
        added = git("log", "-1", "--first-parent", "-m", "--format=%H", "--diff-filter=A", "--", "migrations/versions")
        git("cat-file", "-e", f"{added}^:migrations/env.py")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the history that has the version before is not here")
    folder = tmp_path_factory.mktemp("version-before")
    archive = folder / "code.tar"
    git("archive", "--output", str(archive), f"{added}^", "bot", "core", "admin", "migrations", "data")
    shutil.unpack_archive(archive, folder)
    if "SchemaFloorRow" not in (folder / "core" / "storage" / "models.py").read_text(encoding="utf-8"):
        pytest.skip("the version before is older than the promise")
    return folder


def test_the_version_before_answers_on_the_schema_of_this_one(
    version_before: Path, ready_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = ready_settings()
    head = migrate(settings.sqlalchemy_url)
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(version_before),
        "VAR_DIR": str(settings.var_dir),
        "KNOWLEDGE_DIR": str(settings.knowledge_dir),
        "SOURCES_FILE": str(settings.sources_file),
        "GOLDEN_FILE": str(settings.golden_file),
    }
    for arguments, said in (
        (["ask", "How do I push a model to Quillstore?", "--session", "back"], "Quillstore"),
        (["history", "back"], "How do I push a model"),
    ):
        command = [sys.executable, "-m", "bot", *arguments]
        done = subprocess.run(  # noqa: S603
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    assert migrate(settings.sqlalchemy_url) == head
