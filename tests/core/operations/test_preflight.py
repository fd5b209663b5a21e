"""What keeps the service from starting: told in a sentence that says what to change, before anything listens."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import chromadb
import psycopg
import pytest

from core.errors import ConfigurationError, KnowledgeError, SchemaOutdated, StorageError, StorageFull
from core.operations.preflight import check_chroma, check_clock, check_database, check_room, check_secrets, preflight
from core.settings import Settings
from core.storage.migrate import migrate
from tests.emulators.language_model import ScriptedModel
from tests.faults.tight_disk import TightDisk
from tests.serving import Assistant, free_port, running_chroma

MakeSettings = Callable[..., Settings]
GOOD = "9f86d081884c7d659a2feaa0c55ad015"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens there


async def test_settings_of_a_first_start_pass(make_settings: MakeSettings) -> None:
    settings = make_settings()
    await preflight(settings)
    assert await check_clock(settings) is None


@pytest.mark.parametrize(
    ("secrets", "told"),
    [
        ({"api_key": "changeme"}, "API_KEY is easy to guess"),
        ({"api_key": "a" * 40}, "API_KEY is easy to guess"),
        ({"api_key": "my-example-key-of-the-readme"}, "API_KEY is easy to guess"),
        ({"api_key": GOOD, "admin_password": "short"}, "ADMIN_PASSWORD is easy to guess"),
        ({"api_key": GOOD, "admin_password": "Password2026"}, "ADMIN_PASSWORD is easy to guess"),
    ],
)
def test_secret_that_is_easy_to_guess_is_refused_where_others_can_try(
    make_settings: MakeSettings, secrets: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"{told}, and HOST=0.0.0.0 .* or listen on 127.0.0.1"):
        check_secrets(make_settings(host=EVERYWHERE, **secrets))
    check_secrets(make_settings(**secrets))  # on loopback nobody else can


def test_good_secrets_are_taken_everywhere(make_settings: MakeSettings) -> None:
    check_secrets(make_settings(host=EVERYWHERE, api_key=GOOD, admin_password="four plain words here"))


@pytest.fixture
def poor_user(postgres_url: str) -> Iterator[str]:
    """The address of the database for a user who may do nothing there."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE poor LOGIN")
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        yield postgres_url.replace("//postgres", "//poor", 1)
        connection.execute("DROP OWNED BY poor")
        connection.execute("DROP ROLE poor")


async def test_postgres_user_without_rights_is_told_which_to_grant(
    make_settings: MakeSettings, postgres_url: str, poor_user: str
) -> None:
    settings = make_settings(database_url=poor_user)
    with pytest.raises(StorageError, match="user poor may not make tables: `GRANT CREATE, USAGE ON SCHEMA public TO"):
        await check_database(settings)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("GRANT CREATE, USAGE ON SCHEMA public TO poor")
    with pytest.raises(StorageError, match=r"user poor may not make the schema `dbos`.*DURABLE_TURNS=false"):
        await check_database(settings)
    await check_database(make_settings(database_url=poor_user, durable_turns=False))


async def test_schema_of_a_newer_version_is_refused_and_left_alone(
    make_settings: MakeSettings, postgres_url: str
) -> None:
    settings = make_settings(database_url=postgres_url)
    await asyncio.to_thread(migrate, settings.sqlalchemy_url)
    await check_database(settings)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        await check_database(settings)  # it only added to ours
        connection.execute("UPDATE schema_floor SET revision = '9999'")
        with pytest.raises(SchemaOutdated, match=r"does not know \(9999\). It was left as it is"):
            await check_database(settings)


async def test_database_that_is_away_is_told(make_settings: MakeSettings) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    with pytest.raises(StorageError, match=r"DATABASE_URL"):
        await check_database(make_settings(database_url=url))


async def test_chroma_server_of_another_version_or_away_is_told(
    make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KnowledgeError, match=r"cannot be reached\. Start it, or correct CHROMA_URL"):
        await check_chroma(make_settings(chroma_url=f"http://127.0.0.1:{free_port()}"))
    with running_chroma(tmp_path / "chroma") as (url, _):
        settings = make_settings(chroma_url=url)
        await check_chroma(settings)
        monkeypatch.setattr(chromadb, "__version__", "2.3.0")
        with pytest.raises(KnowledgeError, match=r"is of version 1\..* and this needs 2\.x: start chromadb/chroma:2"):
            await check_chroma(settings)


def test_disk_that_is_nearly_full_is_refused(tmp_path: Path) -> None:
    disk = TightDisk(tmp_path / "disk")
    try:
        if not disk.mounted:
            pytest.skip("no small disk can be mounted here")
        check_room(disk.folder / "var" / "deeper")
        (disk.folder / "ballast").write_bytes(bytes(12_000_000))
        with pytest.raises(StorageFull, match=r"has 1\d MB left .* make room, or set VAR_DIR to another disk"):
            check_room(disk.folder / "var" / "deeper")
    finally:
        disk.remove()


async def test_clock_that_is_an_hour_off_is_told_by_postgres_and_by_the_model(
    make_settings: MakeSettings, postgres_url: str
) -> None:
    async with ScriptedModel() as model:
        by_model = make_settings(llm_base_url=model.base_url)
        by_postgres = make_settings(database_url=postgres_url)
        assert [await check_clock(each) for each in (by_model, by_postgres)] == [None, None]
        ahead = await check_clock(by_postgres, lambda: time.time() + 3600)
        behind = await check_clock(by_model, lambda: time.time() - 3600)
    assert ahead is not None
    assert "60 minutes ahead of that of the Postgres: set it by NTP" in ahead
    assert behind is not None
    assert f"60 minutes behind that of {model.base_url}" in behind


async def test_refused_start_says_one_sentence_and_listens_nowhere(tmp_path: Path) -> None:
    assistant = Assistant(tmp_path / "refused", host=EVERYWHERE, api_key="changeme")
    await assistant.serve()
    assert await assistant.ended() == 1
    assert assistant.said.count("API_KEY is easy to guess") == 1
    assert "Traceback" not in assistant.said
    assert not (assistant.var_dir / "assistant.db").exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", assistant.port)) != 0
