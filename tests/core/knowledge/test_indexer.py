"""The index follows the library: in place or as a version beside, whole for readers whatever happens in the middle."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.bootstrap import Services, open_services
from core.domain.knowledge import IndexVersion, RunStatus, Stage
from core.errors import RefreshFailed
from core.knowledge import indexer
from core.knowledge.index.chunk import CONFIGURATION
from core.knowledge.index.opened import OpenVersion
from core.settings import ROOT, Settings, child_environment
from core.storage.ids import new_id, now
from core.storage.versions import Versions
from tests.core.knowledge.inspection import (
    BREWING,
    GARDEN,
    NEW_COMMAND,
    OLD_COMMAND,
    folders,
    is_whole,
    live,
    said_by_index,
    vectors,
)

MakeSettings = Callable[..., Settings]


def change_command(own_pages: Path) -> None:
    page = own_pages / "quillstore.md"
    page.write_text(page.read_text().replace(OLD_COMMAND, NEW_COMMAND))


@asynccontextmanager
async def asking(services: Services) -> AsyncIterator[set[tuple[bool, bool]]]:
    """Readers who search all the time: whether they saw the old command, and whether the new one."""
    done = asyncio.Event()
    seen: set[tuple[bool, bool]] = set()

    async def ask() -> None:
        while not done.is_set():
            texts = [p.text for p in await services.retriever.search(f"{OLD_COMMAND} {NEW_COMMAND}", 8)]
            seen.add((any(OLD_COMMAND in text for text in texts), any(NEW_COMMAND in text for text in texts)))

    askers = [asyncio.create_task(ask()) for _ in range(3)]
    try:
        yield seen
    finally:
        done.set()
        await asyncio.gather(*askers)


async def test_little_change_is_made_in_place_and_readers_see_the_old_or_the_new(
    built: Services, own_pages: Path
) -> None:
    before, known = await live(built), vectors(built)
    change_command(own_pages)
    (own_pages / "beanloop.md").write_text(BREWING)
    async with asking(built) as seen:
        run = await built.refresher.finished("test")
    assert seen <= {(True, False), (False, True)}
    assert run.status is RunStatus.UPDATED
    assert run.change is not None
    assert (run.change.added, run.change.changed) == (("beanloop.md",), ("quillstore.md",))
    after = await live(built)
    assert (after.id, after.revision, after.documents) == (before.id, before.revision + 1, 4)
    assert vectors(built) == known + 2
    said = await said_by_index(built)
    assert NEW_COMMAND in said
    assert OLD_COMMAND not in said
    assert (await built.retriever.search("How do I brew coffee?", 1))[0].document == "beanloop.md"
    assert await is_whole(built)


async def test_deleted_page_leaves_the_index_when_its_grace_is_over(
    ready_settings: MakeSettings, own_pages: Path
) -> None:
    async with open_services(ready_settings(knowledge_dir=own_pages, gone_days=0)) as services:
        (own_pages / "drumline.md").unlink()
        run = await services.refresher.finished("test")
        assert run.change is not None
        assert run.change.removed == ("drumline.md",)
        assert "Drumline" not in {passage.product for passage in await services.retriever.search("Drumline job", 20)}
        assert await is_whole(services)


async def test_page_of_headings_alone_is_indexed_once_and_harms_nothing(built: Services, own_pages: Path) -> None:
    (own_pages / "empty.md").write_text("# Only\n\n## Headings\n")
    assert (await built.refresher.finished("test")).status is RunStatus.UPDATED
    assert (await built.refresher.finished("test")).status is RunStatus.UNCHANGED
    assert await is_whole(built)


async def test_many_changes_make_a_new_version_beside_the_live_one(built: Services, own_pages: Path) -> None:
    before = await live(built)
    for number in range(indexer.FEW + 1):
        (own_pages / f"new-{number}.md").write_text(f"# Page {number}\n\nIt is about subject {number}.\n")
    run = await built.refresher.finished("test")
    assert run.status is RunStatus.PROMOTED
    after = await live(built)
    assert (after.id != before.id, after.documents, after.revision) == (True, 14, 0)
    assert (await built.versions.get(before.id)).stage is Stage.ARCHIVED
    assert await is_whole(built)


async def test_rebuilds_retire_the_oldest_version_and_searches_go_on_meanwhile(
    built: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "KEPT_VERSIONS", 2)
    known, versions = vectors(built), [await live(built)]
    async with asking(built) as seen:
        for _ in range(2):
            await built.refresher.finished("test", rebuild=True)
            versions.append(await live(built))
    assert seen == {(True, False)}
    kept = await built.versions.all()
    assert [(v.id, v.stage) for v in kept] == [(versions[2].id, Stage.PRODUCTION), (versions[1].id, Stage.ARCHIVED)]
    assert len({(version.configuration, version.passages) for version in kept}) == 1
    assert vectors(built) == known
    assert await is_whole(built)


def golden(tmp_path: Path) -> Path:
    lines = [
        {"id": "1", "question": "How do I roll a Quillstore model back?", "gold": ["quillstore.md"]},
        {"id": "2", "question": "How do I roll a Hexaplan model back?", "gold": ["not/held.md"]},
        {"id": "3", "question": "How do I bake bread?", "gold": []},
    ]
    file = tmp_path / "golden.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    return file


async def test_version_that_finds_less_stays_in_staging_until_somebody_promotes_it(
    ready_settings: MakeSettings, own_pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_pages / "quillstore.md").write_text(GARDEN)
    monkeypatch.setitem(CONFIGURATION, "chunking", "another one")
    settings = ready_settings(knowledge_dir=own_pages, golden_file=golden(tmp_path))
    async with open_services(settings) as services:
        before, said = await live(services), await said_by_index(services)
        run = await services.refresher.finished("test")
        assert run.status is RunStatus.STAGED
        assert "recall@1 fell from 1.00 to 0.00" in run.reason
        assert run.reason.startswith("It stays in Staging: ")
        assert run.reason.endswith("The live index was kept.")
        assert await live(services) == before
        assert await said_by_index(services) == said
        assert run.version is not None
        assert (await services.versions.get(run.version.id)).reason == run.reason
        measured = await services.versions.evaluation(run.version.id)
        assert measured is not None
        assert [outcome["id"] for outcome in measured.outcomes] == ["1", "3"]

        monkeypatch.setenv("PYTHONHOME", "/nowhere")  # no worker can start from here on
        again = await services.refresher.finished("test")
        assert (again.status, again.version and again.version.id) == (RunStatus.STAGED, run.version.id)

        promoted = await services.refresher.promote(run.version.id[-8:])
        assert (promoted.id, promoted.stage, promoted.reason) == (run.version.id, Stage.PRODUCTION, "")
        assert "Tomatoes" in await said_by_index(services)
        assert (await services.refresher.finished("test")).status is RunStatus.UNCHANGED
        assert await is_whole(services)

        back = await services.refresher.roll_back()
        assert back.id == before.id
        assert await said_by_index(services) == said


async def test_version_of_a_configuration_that_was_rolled_back_waits_for_a_person(
    ready_settings: MakeSettings, own_pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ready_settings(knowledge_dir=own_pages)
    monkeypatch.setitem(CONFIGURATION, "chunking", "another one")
    async with open_services(settings) as services:
        before = await live(services)
        promoted = await services.refresher.finished("test")
        assert promoted.status is RunStatus.PROMOTED
        assert (await services.refresher.roll_back()).id == before.id
        run = await services.refresher.finished("test")
        assert run.status is RunStatus.STAGED
        assert "somebody rolled back" in run.reason
        assert (await live(services)).id == before.id


async def test_questions_that_cannot_be_read_keep_a_version_in_staging(
    ready_settings: MakeSettings, tmp_path: Path
) -> None:
    (tmp_path / "broken.jsonl").write_text("{cut")
    async with open_services(ready_settings(golden_file=tmp_path / "broken.jsonl")) as services:
        before = await live(services)
        run = await services.refresher.finished("test", rebuild=True)
        assert run.status is RunStatus.STAGED
        assert "is not JSON" in run.reason
        assert (await live(services)).id == before.id


async def test_another_model_makes_a_new_version(
    ready_settings: MakeSettings, own_pages: Path, tiny_model: tuple[str, Path]
) -> None:
    name, packaged = tiny_model
    settings = ready_settings(knowledge_dir=own_pages, embedding_model=name)
    settings.model_dir.unlink()
    settings.model_dir.symlink_to(packaged)
    async with open_services(settings) as services:
        before = await live(services)
        run = await services.refresher.finished("test")
        assert run.status is RunStatus.PROMOTED
        after = await live(services)
        assert after.configuration != before.configuration
        assert after.passages == before.passages
        assert await services.retriever.search("Quillstore", 3)
        assert (await services.refresher.roll_back()).id == before.id
        best = (await services.retriever.search("Which bucket does Quillstore write to?"))[0]
        assert best.document == "quillstore.md"  # questions go through the model of the version again


async def test_library_without_pages_is_told_and_the_index_kept(built: Services) -> None:
    before = await said_by_index(built)
    await built.sources.remove("knowledge")
    with pytest.raises(RefreshFailed, match="no page to index"):
        await built.refresher.finished("test")
    assert await said_by_index(built) == before


def truncate(folder: Path) -> None:
    file = folder / "chroma.sqlite3"
    file.write_bytes(file.read_bytes()[:5000])


def delete(folder: Path) -> None:
    (folder / "chroma.sqlite3").unlink()


@pytest.mark.parametrize("damage", [truncate, delete])
async def test_damaged_live_index_is_built_anew_though_nothing_changed(
    ready_settings: MakeSettings, damage: Callable[[Path], None]
) -> None:
    settings = ready_settings()
    [folder] = settings.index_dir.iterdir()
    damage(folder)
    async with open_services(settings) as services:
        await services.refresher.tidy()
        run = await services.refresher.finished("test")
        assert run.status is RunStatus.PROMOTED
        assert OLD_COMMAND in await said_by_index(services)


async def test_lexical_side_that_is_lost_is_made_again(ready_settings: MakeSettings) -> None:
    settings = ready_settings()
    [folder] = settings.index_dir.iterdir()
    (folder / "lexical" / "revision.json").unlink()
    async with open_services(settings) as services:
        assert (await services.retriever.search(OLD_COMMAND, 1))[0].document == "quillstore.md"
        assert await is_whole(services)


async def broken(*_: Any, **__: Any) -> Any:
    raise RefreshFailed("It stops here.")


async def test_change_that_stops_before_its_transaction_is_not_seen_and_made_by_the_next_refresh(
    ready_settings: MakeSettings, own_pages: Path
) -> None:
    settings = ready_settings(knowledge_dir=own_pages)
    async with open_services(settings) as services:
        said = await said_by_index(services)
        change_command(own_pages)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Versions, "apply", broken)
            with pytest.raises(RefreshFailed):
                await services.refresher.finished("test")
        assert not await is_whole(services)
        assert await said_by_index(services) == said
    async with open_services(settings) as services:
        await services.refresher.tidy()
        assert await is_whole(services)
        assert await said_by_index(services) == said
        assert (await services.refresher.finished("test")).status is RunStatus.UPDATED
        assert NEW_COMMAND in await said_by_index(services)
        assert await is_whole(services)


async def test_change_that_stops_after_its_transaction_is_seen_and_cleaned_up(
    ready_settings: MakeSettings, own_pages: Path
) -> None:
    def stopped(*_: Any) -> None:
        raise RefreshFailed("It stops here.")

    settings = ready_settings(knowledge_dir=own_pages)
    async with open_services(settings) as services:
        change_command(own_pages)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(OpenVersion, "show", stopped)
            with pytest.raises(RefreshFailed):
                await services.refresher.finished("test")
        assert NEW_COMMAND in await said_by_index(services)
    async with open_services(settings) as services:
        await services.refresher.tidy()
        assert NEW_COMMAND in await said_by_index(services)
        assert await is_whole(services)
        assert (await services.refresher.finished("test")).status is RunStatus.UNCHANGED


CHILD = """
import asyncio, os, signal, sys
import psutil
from core.bootstrap import open_services
from core.domain.knowledge import Progress
from core.settings import load_settings

async def main():
    async with open_services(load_settings()) as services:
        async for item in services.refresher.refresh("killed", rebuild=True):
            if isinstance(item, Progress) and item.stage == "embedding":
                print(*(child.pid for child in psutil.Process().children()), flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_process_killed_in_a_build_leaves_an_index_that_answers_and_nothing_else(
    ready_settings: MakeSettings, own_pages: Path, tmp_path: Path
) -> None:
    settings = ready_settings(knowledge_dir=own_pages)
    environment = child_environment(
        VAR_DIR=str(settings.var_dir),
        KNOWLEDGE_DIR=str(own_pages),
        SOURCES_FILE=str(settings.sources_file),
        PYTHONPATH=str(ROOT),
    )
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, stdout=subprocess.PIPE, env=environment, cwd=tmp_path
    )
    told, _ = await killed.communicate()
    assert killed.returncode == -9
    for orphan in told.split():
        if psutil.pid_exists(int(orphan)):
            await asyncio.to_thread(psutil.Process(int(orphan)).wait)
    async with open_services(settings) as services:
        assert len(folders(services)) == 2
        await services.refresher.tidy()
        assert await is_whole(services)
        assert len(folders(services)) == 1
        assert list((settings.var_dir / "work").glob("*")) == []
        run = (await services.runs.latest())[0]
        assert (run.status, run.reason) == (RunStatus.FAILED, "The process stopped in the middle.")
        assert (await services.retriever.search(OLD_COMMAND, 1))[0].document == "quillstore.md"


async def test_tidying_removes_versions_and_folders_that_nobody_came_to_promote(built: Services) -> None:
    before = await live(built)
    kept = IndexVersion(new_id(), Stage.STAGING, "f", 0, 0, 1.0, now(), reason="recall@1 fell")
    for version in (kept, replace(kept, id=new_id(), reason="")):
        await built.versions.add(version, {}, [])
        (built.settings.index_dir / version.id).mkdir()
    (built.settings.index_dir / "half-built").mkdir()
    await built.refresher.tidy()
    assert {version.id for version in await built.versions.all()} == {before.id, kept.id}
    assert folders(built) == {before.id, kept.id}
    assert await built.retriever.search("drift", 1)
