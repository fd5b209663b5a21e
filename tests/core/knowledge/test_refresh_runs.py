"""Refreshes: a new version is built beside the live one and takes its place, or everything stays as it was."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from core.bootstrap import Services, open_services
from core.domain.knowledge import Progress, RefreshRun, RunStatus, Stage
from core.errors import KnowledgeError, RefreshFailed
from core.settings import ROOT, Settings
from core.storage.migrate import migrate

MakeSettings = Callable[..., Settings]
NEW_PAGE = (
    "---\ntitle: Brew coffee with Beanloop\n---\n\n# Brew coffee with Beanloop\n\nBeanloop brews with `bean brew`.\n"
)


@pytest.fixture
async def built(ready_settings: MakeSettings, own_pages: Path) -> AsyncIterator[Services]:
    """Services over a built index, with pages that may be changed."""
    async with open_services(ready_settings(knowledge_dir=own_pages)) as services:
        yield services


@pytest.fixture
async def many_pages(ready_settings: MakeSettings) -> AsyncIterator[Services]:
    """Services over a built index that find all the shipped pages instead, so that a build takes its time."""
    async with open_services(ready_settings(knowledge_dir=ROOT / "data" / "knowledge")) as services:
        yield services


async def live_id(services: Services) -> str:
    live = await services.library.production()
    assert live is not None
    return live.id


def folders(services: Services) -> set[str]:
    return {entry.name for entry in services.settings.index_dir.iterdir()}


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "core.knowledge.index.build" in child.cmdline()]


async def test_first_build_promotes_and_tells_how_far_it_is(make_settings: MakeSettings) -> None:
    settings = make_settings()
    await asyncio.to_thread(migrate, settings.sqlalchemy_url)
    async with open_services(settings) as services:
        *steps, run = [item async for item in services.refresher.refresh("start")]
        assert isinstance(run, RefreshRun)
        assert (run.trigger, run.status, run.reason) == ("start", RunStatus.PROMOTED, "")
        assert run.version is not None
        assert (run.version.stage, run.version.documents) == (Stage.PRODUCTION, 3)
        assert all(isinstance(step, Progress) for step in steps)
        assert steps[0] == Progress("reading")
        assert Progress("embedding", 0, run.version.passages) in steps
        assert not services.refresher.running
        assert [(d.path, d.product) for d in await services.library.documents()] == [
            ("drumline.md", "Drumline"),
            ("monitoring/gaugeworks.md", "Gaugeworks"),
            ("quillstore.md", "Quillstore"),
        ]
        assert (await services.retriever.search("drift threshold", 1))[0].document == "monitoring/gaugeworks.md"
        assert folders(services) == {run.version.id}
        [stored] = await services.library.runs()
        assert (stored.id, stored.status, stored.trigger) == (run.id, RunStatus.PROMOTED, "start")


async def test_nothing_changed_builds_nothing(built: Services) -> None:
    before = await live_id(built)
    run = await built.refresher.finished("test")
    assert (run.status, run.version) == (RunStatus.UNCHANGED, None)
    assert await live_id(built) == before
    assert len(await built.library.versions()) == 1
    assert folders(built) == {before}


async def test_new_page_is_found_without_a_restart(built: Services, own_pages: Path) -> None:
    before = await live_id(built)
    assert (await built.retriever.search("How do I brew coffee?", 1))[0].document != "beanloop.md"
    (own_pages / "beanloop.md").write_text(NEW_PAGE)
    run = await built.refresher.finished("test")
    assert run.status is RunStatus.PROMOTED
    assert await live_id(built) != before
    assert (await built.retriever.search("How do I brew coffee?", 1))[0].document == "beanloop.md"
    assert await built.library.document("beanloop.md") is not None


async def test_changed_and_deleted_pages_leave_the_index(built: Services, own_pages: Path) -> None:
    (own_pages / "drumline.md").unlink()
    page = own_pages / "quillstore.md"
    page.write_text(page.read_text().replace("quill label churn 3 live", "quill restore churn 3"))
    await built.refresher.finished("test")
    found = await built.retriever.search("roll a Quillstore model back", 50)
    assert {passage.document for passage in found} == {"quillstore.md", "monitoring/gaugeworks.md"}
    text = "\n".join(passage.text for passage in found)
    assert "quill restore churn 3" in text
    assert "quill label churn 3 live" not in text


async def test_rebuilds_of_unchanged_pages_keep_two_versions_and_searches_go_on_meanwhile(built: Services) -> None:
    done = asyncio.Event()

    async def keep_asking() -> int:
        asked = 0
        while not done.is_set():
            found = await built.retriever.search("How do I store a model in Quillstore?", 3)
            assert found[0].document == "quillstore.md"
            asked += 1
        return asked

    askers = [asyncio.create_task(keep_asking()) for _ in range(4)]
    versions = [await live_id(built)]
    for _ in range(2):
        run = await built.refresher.finished("test", rebuild=True)
        assert run.version is not None
        versions.append(run.version.id)
    done.set()
    assert all(asked > 0 for asked in await asyncio.gather(*askers))
    kept = await built.library.versions()
    assert [(v.id, v.stage) for v in kept] == [(versions[2], Stage.PRODUCTION), (versions[1], Stage.ARCHIVED)]
    assert folders(built) == set(versions[1:])
    assert len({(version.fingerprint, version.passages) for version in kept}) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"---\nreviewed: 2026-02-31\n---\nText.", r"broken\.md cannot be read"),
        (b"caf\xe9", r"broken\.md cannot be read"),
    ],
    ids=["date", "latin-1"],
)
async def test_broken_page_fails_the_run_and_keeps_the_live_index(
    built: Services, own_pages: Path, content: bytes, reason: str
) -> None:
    before = await live_id(built)
    (own_pages / "broken.md").write_bytes(content)
    with pytest.raises(RefreshFailed, match=reason):
        await built.refresher.finished("test")
    run = (await built.library.runs())[0]
    assert (run.status, "broken.md" in run.reason, run.finished_at is not None) == (RunStatus.FAILED, True, True)
    assert await live_id(built) == before
    assert folders(built) == {before}
    assert await built.retriever.search("drift", 1)


async def test_refresh_works_again_once_the_page_is_mended(built: Services, own_pages: Path) -> None:
    (own_pages / "beanloop.md").write_bytes(b"caf\xe9")
    with pytest.raises(RefreshFailed):
        await built.refresher.finished("test")
    (own_pages / "beanloop.md").write_text(NEW_PAGE)
    assert (await built.refresher.finished("test")).status is RunStatus.PROMOTED


async def test_two_at_once_are_one_run(built: Services) -> None:
    earlier = len(await built.library.runs())
    first, second = await asyncio.gather(
        built.refresher.finished("first", rebuild=True), built.refresher.finished("second")
    )
    assert first == second
    assert first.trigger == "first"
    assert len(await built.library.runs()) == earlier + 1
    assert len(await built.library.versions()) == 2


async def test_refresh_goes_on_when_its_caller_stops_listening(built: Services) -> None:
    async with aclosing(built.refresher.refresh("left", rebuild=True)) as steps:
        async for _ in steps:
            break
    assert built.refresher.running
    run = await built.refresher.finished("joined")
    assert (run.trigger, run.status) == ("left", RunStatus.PROMOTED)


async def test_killed_worker_fails_the_run_and_keeps_the_live_index(many_pages: Services) -> None:
    before = await live_id(many_pages)

    async def refresh_and_kill() -> None:
        async for step in many_pages.refresher.refresh("test"):
            if isinstance(step, Progress) and step.stage == "embedding":
                for worker in workers():
                    worker.kill()

    with pytest.raises(RefreshFailed, match=r"could not be built: .* The live index was kept"):
        await refresh_and_kill()
    run = (await many_pages.library.runs())[0]
    assert (run.status, "The live index was kept" in run.reason) == (RunStatus.FAILED, True)
    assert await live_id(many_pages) == before
    assert folders(many_pages) == {before}
    assert [d.path for d in await many_pages.library.documents() if "gaugeworks" in d.path]
    assert (await many_pages.retriever.search("drift threshold", 1))[0].document == "monitoring/gaugeworks.md"


async def test_worker_that_dies_before_it_reads_its_job_fails_the_run(
    many_pages: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    before = await live_id(many_pages)
    with pytest.raises(RefreshFailed, match="could not be built"):
        await many_pages.refresher.finished("test")
    assert (await many_pages.library.runs())[0].status is RunStatus.FAILED
    assert folders(many_pages) == {before}


async def test_broken_model_fails_the_run_with_a_sentence(built: Services, tmp_path: Path) -> None:
    built.settings.model_dir.unlink()
    (tmp_path / "empty").mkdir()
    built.settings.model_dir.symlink_to(tmp_path / "empty")
    with pytest.raises(RefreshFailed, match=r"embedding model .* cannot be loaded"):
        await built.refresher.finished("test", rebuild=True)


async def test_stopping_ends_the_worker_and_closes_the_run(many_pages: Services) -> None:
    async with aclosing(many_pages.refresher.refresh("test")) as steps:
        async for step in steps:
            if isinstance(step, Progress) and step.stage == "embedding":
                break
    assert workers()
    await many_pages.refresher.stop()
    assert not workers()
    assert not many_pages.refresher.running
    assert (await many_pages.library.runs())[0].status is RunStatus.FAILED
    assert folders(many_pages) == {await live_id(many_pages)}


async def test_tidy_removes_what_a_killed_process_left(built: Services) -> None:
    before = await live_id(built)
    (built.settings.index_dir / "half-built").mkdir()
    (built.settings.index_dir / "half-built" / "chroma.sqlite3").touch()
    left = await built.library.start_run("killed")
    await built.refresher.tidy()
    assert folders(built) == {before}
    assert await live_id(built) == before
    run = (await built.library.runs())[0]
    assert (run.id, run.status, run.reason) == (left.id, RunStatus.FAILED, "The process stopped in the middle.")
    assert await built.retriever.search("drift", 1)


async def test_pages_in_another_folder_take_the_place_of_the_old_ones(built: Services, own_pages: Path) -> None:
    (own_pages / "drumline.md").unlink()
    await built.refresher.finished("test")
    assert [d.path for d in await built.library.documents()] == ["monitoring/gaugeworks.md", "quillstore.md"]


async def test_missing_folder_of_pages_keeps_the_live_index(ready_settings: MakeSettings, own_pages: Path) -> None:
    settings = ready_settings(knowledge_dir=own_pages / "missing")
    async with open_services(settings) as services:
        before = await live_id(services)
        with pytest.raises(KnowledgeError, match="Correct KNOWLEDGE_DIR"):
            await services.refresher.finished("test")
        assert await live_id(services) == before
