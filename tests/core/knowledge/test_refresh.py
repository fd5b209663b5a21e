"""Refreshes as those see them who ask for one: one at a time, with progress, and a record whatever happens."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from core.bootstrap import Services, open_services
from core.domain.knowledge import Progress, RefreshRun, RunStatus, Stage
from core.errors import KnowledgeError, RefreshFailed, SchemaOutdated
from core.settings import Settings
from core.storage.migrate import migrate
from tests.core.knowledge.inspection import folders, is_whole, live, said_by_index, workers

MakeSettings = Callable[..., Settings]


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker process can start."""
    monkeypatch.setenv("PYTHONHOME", "/nowhere")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A worker process may write no file of more than 100 kB."""
    (tmp_path / "site").mkdir()
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    (tmp_path / "site" / "sitecustomize.py").write_text(limit)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))


async def test_first_build_promotes_and_tells_how_far_it_is(make_settings: MakeSettings) -> None:
    settings = make_settings()
    await asyncio.to_thread(migrate, settings.sqlalchemy_url)
    async with open_services(settings) as services:
        *steps, run = [item async for item in services.refresher.refresh("start")]
        assert isinstance(run, RefreshRun)
        assert (run.trigger, run.status, run.reason, run.problems) == ("start", RunStatus.PROMOTED, "", 0)
        assert run.version is not None
        assert (run.version.stage, run.version.documents) == (Stage.PRODUCTION, 3)
        assert run.change is not None
        assert run.change.added == ("drumline.md", "monitoring/gaugeworks.md", "quillstore.md")
        assert all(isinstance(step, Progress) for step in steps)
        assert steps[0] == Progress("reading")
        told = [(step.stage, step.done, step.total) for step in steps if isinstance(step, Progress)]
        assert ("embedding", 0, 3) in told
        assert ("embedding", 3, 3) in told
        assert not services.refresher.running
        assert [(d.path, d.product) for d in await services.library.documents()] == [
            ("drumline.md", "Drumline"),
            ("monitoring/gaugeworks.md", "Gaugeworks"),
            ("quillstore.md", "Quillstore"),
        ]
        assert (await services.retriever.search("drift threshold", 1))[0].document == "monitoring/gaugeworks.md"
        assert await is_whole(services)
        [stored] = await services.runs.latest()
        assert (stored.id, stored.status, stored.trigger) == (run.id, RunStatus.PROMOTED, "start")


@pytest.mark.usefixtures("no_worker")
async def test_nothing_changed_starts_no_worker_and_changes_nothing(built: Services) -> None:
    before = await live(built)
    run = await built.refresher.finished("test")
    assert (run.status, run.version, run.change) == (RunStatus.UNCHANGED, None, None)
    assert await built.versions.all() == [before]
    assert folders(built) == {before.id}


async def test_two_at_once_are_one_run_that_goes_on_when_a_caller_stops_listening(built: Services) -> None:
    earlier = len(await built.runs.latest())
    async with aclosing(built.refresher.refresh("left", rebuild=True)) as steps:
        async for _ in steps:
            break
    assert built.refresher.running
    first, second = await asyncio.gather(built.refresher.finished("second"), built.refresher.finished("third"))
    assert first == second
    assert (first.trigger, first.status) == ("left", RunStatus.PROMOTED)
    assert len(await built.runs.latest()) == earlier + 1
    assert len(await built.versions.all()) == 2


async def test_killed_worker_fails_the_run_and_keeps_the_live_index(many_pages: Services) -> None:
    before = await live(many_pages)

    async def refresh_and_kill() -> None:
        async for step in many_pages.refresher.refresh("test"):
            if isinstance(step, Progress) and step.stage == "embedding":
                for worker in workers():
                    worker.kill()

    with pytest.raises(RefreshFailed, match=r"could not be built: .* The live index was kept"):
        await refresh_and_kill()
    run = (await many_pages.runs.latest())[0]
    assert (run.status, "The live index was kept" in run.reason) == (RunStatus.FAILED, True)
    assert await many_pages.versions.all() == [before]
    assert (await many_pages.retriever.search("drift threshold", 1))[0].document == "monitoring/gaugeworks.md"
    assert await is_whole(many_pages)


@pytest.mark.usefixtures("no_worker")
async def test_worker_that_dies_before_it_reads_its_job_fails_the_run(built: Services) -> None:
    before = await live(built)
    with pytest.raises(RefreshFailed, match="could not be built"):
        await built.refresher.finished("test", rebuild=True)
    assert (await built.runs.latest())[0].status is RunStatus.FAILED
    assert folders(built) == {before.id}


@pytest.mark.usefixtures("full_disk")
async def test_full_disk_fails_the_run_with_the_reason_and_keeps_the_live_index(built: Services) -> None:
    before = await said_by_index(built)
    with pytest.raises(RefreshFailed, match=r"could not be built: .* The live index was kept"):
        await built.refresher.finished("test", rebuild=True)
    assert await said_by_index(built) == before
    assert await is_whole(built)


async def test_run_time_folder_that_cannot_be_written_fails_the_run_with_a_sentence(built: Services) -> None:
    (built.settings.var_dir / "work").rmdir()
    (built.settings.var_dir / "work").touch()
    with pytest.raises(RefreshFailed, match=r"could not be written or read: .* The live index was kept"):
        await built.refresher.finished("test", rebuild=True)
    assert (await built.runs.latest())[0].reason.startswith("A file could not be written or read")


async def test_broken_model_fails_the_run_with_a_sentence(built: Services, tmp_path: Path) -> None:
    built.settings.model_dir.unlink()
    (tmp_path / "empty").mkdir()
    built.settings.model_dir.symlink_to(tmp_path / "empty")
    with pytest.raises(RefreshFailed, match=r"embedding model .* cannot be loaded"):
        await built.refresher.finished("test", rebuild=True)


async def test_database_that_fails_at_the_beginning_is_told_to_everyone_who_waits(built: Services) -> None:
    engine = create_engine(f"sqlite:///{built.settings.database_file}")
    with engine.begin() as db:
        db.execute(text("DROP TABLE refresh_runs"))
    engine.dispose()
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(*(built.refresher.finished("test") for _ in range(2)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [SchemaOutdated, SchemaOutdated]


async def test_nothing_is_moved_by_hand_during_a_refresh_and_stopping_ends_it(many_pages: Services) -> None:
    before = await live(many_pages)
    async with aclosing(many_pages.refresher.refresh("test")) as steps:
        async for step in steps:
            if isinstance(step, Progress) and step.stage == "embedding":
                break
    assert workers()
    for move in (many_pages.refresher.roll_back(), many_pages.refresher.promote(before.id)):
        with pytest.raises(KnowledgeError, match="A refresh is under way"):
            await move
    await many_pages.refresher.stop()
    assert not workers()
    assert not many_pages.refresher.running
    run = (await many_pages.runs.latest())[0]
    assert (run.status, run.reason) == (
        RunStatus.FAILED,
        "The process was stopped before it ended. The live index was kept.",
    )
    assert await is_whole(many_pages)


async def test_page_that_cannot_be_read_is_counted_and_the_others_stay(built: Services, own_pages: Path) -> None:
    (own_pages / "broken.pdf").write_bytes(b"%PDF-1.7 cut off")
    run = await built.refresher.finished("test")
    assert (run.status, run.problems) == (RunStatus.UNCHANGED, 1)
    [problem] = await built.library.problems()
    assert problem.path == "broken.pdf"
    assert problem.reason
    assert (await built.runs.latest())[0].problems == 1


async def test_missing_folder_of_pages_is_told_beside_its_source_and_keeps_the_index(
    ready_settings: MakeSettings, own_pages: Path
) -> None:
    async with open_services(ready_settings(knowledge_dir=own_pages / "missing")) as services:
        run = await services.refresher.finished("test")
        assert (run.status, run.problems) == (RunStatus.UNCHANGED, 1)
        assert "missing" in (await services.sources.get("knowledge")).problem
        assert await is_whole(services)


async def test_cancelled_refresh_tells_all_who_wait_and_stands_on_record(built: Services) -> None:
    before = await live(built)
    async with aclosing(built.refresher.refresh("test", rebuild=True)) as steps:
        async for step in steps:
            if isinstance(step, Progress) and step.stage == "embedding":
                break
        waiting = asyncio.create_task(built.refresher.finished("other"))
        assert await built.refresher.cancel()
        with pytest.raises(RefreshFailed, match="Somebody cancelled it"):
            await waiting
    [latest, *_] = await built.runs.latest()
    assert (latest.status, latest.reason) == (
        RunStatus.FAILED,
        "Somebody cancelled it before it ended. The live index was kept.",
    )
    assert await live(built) == before
    assert not await built.refresher.cancel()
    assert (await built.refresher.finished("test")).status is RunStatus.UNCHANGED


async def test_refresh_that_is_cancelled_before_it_began_tells_so(built: Services) -> None:
    waiting = asyncio.create_task(built.refresher.finished("test"))
    await asyncio.sleep(0)
    assert await built.refresher.cancel()
    with pytest.raises(RefreshFailed, match="Somebody cancelled it"):
        await waiting
