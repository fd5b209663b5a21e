"""What is backed up comes back: on either database, from a folder or a bucket, and into the other kind."""

import asyncio
import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from core.bootstrap import Services, open_services
from core.domain.conversation import Answer, Question, SessionKey
from core.domain.events import Completed
from core.errors import InputError, StorageError
from core.knowledge.refresh import AT_START
from core.operations.backup import backups, make_backup, restore_backup
from core.settings import Settings, load_settings
from core.storage.dump import dump
from core.storage.migrate import migrate

PUSH = "How do I push a model to Quillstore?"


async def answered(services: Services, text: str, event_id: str) -> Answer:
    async for event in services.answering.ask(Question(SessionKey.http("mine"), text, event_id)):
        if isinstance(event, Completed):
            return event.answer
    raise AssertionError("no answer")


@pytest.fixture
def lived(ready_settings: Callable[..., Settings]) -> Settings:
    """An installation with pages, an index and a question that was answered."""
    settings = ready_settings()

    async def ask() -> None:
        async with open_services(settings) as services:
            await answered(services, PUSH, "http:first")

    asyncio.run(ask())
    return settings


@pytest.fixture
def empty(tmp_path: Path, migrated_url: str, packaged_model: Path) -> Settings:
    """Another machine, with SQLite or with a Postgres."""
    none = tmp_path / "none"
    settings = load_settings(
        var_dir=tmp_path / "other",
        database_url=migrated_url,
        knowledge_dir=none,
        sources_file=none,
        golden_file=none,
        refresh_cron="off",
    )
    settings.model_dir.parent.mkdir(parents=True)
    settings.model_dir.symlink_to(packaged_model)
    return settings


def rows_of(settings: Settings, folder: Path) -> dict[str, str]:
    """All rows, a text a table."""
    folder.mkdir()
    dump(settings.sqlalchemy_url, folder)
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.jsonl")}


def test_everything_comes_back_on_either_database_and_answers(lived: Settings, empty: Settings, tmp_path: Path) -> None:
    name, made = make_backup(lived, str(tmp_path / "kept"))
    back, before = restore_backup(empty, str(tmp_path / "kept"), force=False)

    assert (back, before) == (made, "")
    assert rows_of(empty, tmp_path / "rows of the other") == rows_of(lived, tmp_path / "rows")
    assert made.rows["messages"] == 2
    assert (tmp_path / "kept" / name).stat().st_mode & 0o777 == 0o600

    async def goes_on() -> None:
        async with open_services(empty) as services:
            await services.refresher.finished(AT_START)
            again = await answered(services, PUSH, "http:first")
            new = await answered(services, "How do I roll a Quillstore model back?", "http:second")
            assert "Quillstore" in again.text
            assert "Quillstore" in new.text
            assert new.covered

    asyncio.run(goes_on())


def test_a_backup_made_while_questions_are_answered_fits_together(lived: Settings, tmp_path: Path) -> None:
    async def ask_and_back_up() -> None:
        async with open_services(lived) as services:
            asking = [asyncio.create_task(answered(services, PUSH, f"http:{n}")) for n in range(12)]
            await asyncio.to_thread(make_backup, lived, str(tmp_path / "kept"))
            await asyncio.gather(*asking)

    asyncio.run(ask_and_back_up())
    with tarfile.open(tmp_path / "kept" / backups(str(tmp_path / "kept"))[0]) as tar:
        tar.extractall(tmp_path / "open", filter="data")
    schema = json.loads((tmp_path / "open" / "schema.json").read_text())["messages"]
    names = [column["name"] for column in schema]
    lines = (tmp_path / "open" / "messages.jsonl").read_text(encoding="utf-8").splitlines()
    messages = [dict(zip(names, json.loads(line), strict=True)) for line in lines]
    asked = {each["id"]: each["status"] for each in messages if each["role"] == "user"}
    answers = [each["reply_to"] for each in messages if each["role"] == "assistant"]
    assert {question for question, status in asked.items() if status != "pending"} == set(answers)
    assert len(answers) == len(set(answers))


def test_what_is_there_stays_unless_it_is_wished_otherwise_and_is_kept_then(lived: Settings, tmp_path: Path) -> None:
    place = str(tmp_path / "kept")
    make_backup(lived, place)
    with pytest.raises(InputError, match=r"already\. Nothing was changed\..*--force"):
        restore_backup(lived, place, force=False)
    before = rows_of(lived, tmp_path / "rows")
    _, kept = restore_backup(lived, place, force=True)
    assert rows_of(lived, tmp_path / "rows after") == before
    assert backups(str(lived.var_dir / "backups")) == [kept]


def test_only_the_newest_are_kept(lived: Settings, tmp_path: Path) -> None:
    names = [make_backup(lived, str(tmp_path / "kept"), keep=2)[0] for _ in range(3)]
    assert backups(str(tmp_path / "kept")) == names[1:]


@pytest.mark.parametrize("harm", ["cut off", "changed inside", "no archive", "not there", "newer schema"])
def test_archive_that_cannot_be_trusted_changes_nothing(lived: Settings, tmp_path: Path, harm: str) -> None:
    name, _ = make_backup(lived, str(tmp_path / "kept"))
    archive = tmp_path / "kept" / name
    before = rows_of(lived, tmp_path / "rows")
    match harm:
        case "cut off":
            archive.write_bytes(archive.read_bytes()[:-2000])
        case "no archive":
            archive.write_text("hello")
        case "not there":
            archive.unlink()
        case _:
            repack(archive, tmp_path / "open", harm)
    with pytest.raises(InputError, match="Nothing was changed"):
        restore_backup(lived, str(archive), force=True)
    assert rows_of(lived, tmp_path / "rows after") == before
    assert [path.name for path in lived.var_dir.iterdir() if path.name.startswith("backup")] == []


def repack(archive: Path, folder: Path, harm: str) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    messages = folder / "messages.jsonl"
    match harm:
        case "newer schema":
            manifest["revision"] = "9999"
        case "a row twice":  # and a manifest that vouches for it
            messages.write_bytes(messages.read_bytes() * 2)
            manifest["files"][messages.name] = hashlib.sha256(messages.read_bytes()).hexdigest()
        case _:
            messages.write_text("")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with tarfile.open(archive, "w:gz") as tar:
        for path in folder.iterdir():
            tar.add(path, path.name)


def test_rows_that_cannot_be_loaded_leave_database_and_index_as_they_were(lived: Settings, tmp_path: Path) -> None:
    name, _ = make_backup(lived, str(tmp_path / "kept"))
    archive, before = tmp_path / "kept" / name, rows_of(lived, tmp_path / "rows")
    repack(archive, tmp_path / "open", "a row twice")
    with pytest.raises(StorageError, match=r"could not be brought back: .*The database is as it was\."):
        restore_backup(lived, str(archive), force=True)
    assert rows_of(lived, tmp_path / "rows after") == before
    assert any(lived.index_dir.iterdir())
    assert not list(lived.var_dir.glob("*.restoring*"))


def test_disk_that_is_no_place_for_backups_is_told_and_nothing_is_left(lived: Settings, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(StorageError, match=r"cannot be used for backups: .*Nothing was changed"):
        make_backup(lived, str(tmp_path / "a file" / "folder"))
    assert not list(lived.var_dir.glob("backup-*"))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a server that speaks as S3 does, in this process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    ours = {"ENDPOINT_URL": f"http://{host}:{port}", "ALLOW_HTTP": "true", "REGION": "eu-central-1"}
    for name, value in (ours | {"ACCESS_KEY_ID": "someone", "SECRET_ACCESS_KEY": "a secret"}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with the server

    s3 = boto3.client("s3", endpoint_url=ours["ENDPOINT_URL"], region_name=ours["REGION"])
    s3.create_bucket(Bucket="keeps", CreateBucketConfiguration={"LocationConstraint": ours["REGION"]})
    yield "s3://keeps/assistant"
    server.stop()


def test_a_bucket_keeps_backups_too(lived: Settings, bucket: str, tmp_path: Path) -> None:
    names = [make_backup(lived, bucket, keep=2)[0] for _ in range(3)]
    assert backups(bucket) == names[1:]
    assert [item["path"] for batch in S3Store.from_url("s3://keeps").list() for item in batch] == [
        f"assistant/{name}" for name in names[1:]
    ]
    before = rows_of(lived, tmp_path / "rows")
    restore_backup(lived, f"{bucket}/{names[1]}", force=True)
    assert rows_of(lived, tmp_path / "rows after") == before
    with pytest.raises(StorageError, match="s3://nowhere/x has no such folder, bucket"):
        make_backup(lived, "s3://nowhere/x")


def test_backup_of_an_older_schema_is_brought_up_to_date(lived: Settings, tmp_path: Path) -> None:
    migrate(lived.sqlalchemy_url, "-1")
    _, made = make_backup(lived, str(tmp_path / "kept"))
    shutil.rmtree(lived.index_dir)
    head = migrate(lived.sqlalchemy_url)
    restore_backup(lived, str(tmp_path / "kept"), force=True)
    assert made.revision != head
    assert migrate(lived.sqlalchemy_url) == head
