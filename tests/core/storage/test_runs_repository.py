"""The record of refreshes, on SQLite and on Postgres."""

from datetime import UTC

import pytest

from core.domain.knowledge import IndexVersion, RunStatus, Stage
from core.storage.ids import new_id, now
from core.storage.runs import Runs
from core.storage.versions import Versions


@pytest.fixture
async def built(versions: Versions) -> IndexVersion:
    version = IndexVersion(new_id(), Stage.STAGING, "f", 3, 40, 1.25, now())
    await versions.add(version, {}, [])
    return version


async def test_run_that_promoted_names_its_version(runs: Runs, versions: Versions, built: IndexVersion) -> None:
    change = await versions.promote(built.id, [])
    run = await runs.start("schedule")
    assert (run.status, run.finished_at) == (RunStatus.RUNNING, None)
    finished = await runs.finish(run, RunStatus.PROMOTED, version=built, change=change, problems=2)
    assert (finished.version, finished.change) == (built, change)
    [stored] = await runs.latest()
    assert (stored.id, stored.trigger, stored.status, stored.reason) == (run.id, "schedule", RunStatus.PROMOTED, "")
    assert (stored.started_at, stored.finished_at) == (run.started_at, finished.finished_at)
    assert stored.finished_at is not None
    assert stored.finished_at.tzinfo is UTC
    assert stored.version is not None
    assert (stored.version.id, stored.problems) == (built.id, 2)


async def test_runs_come_newest_first_and_not_all(runs: Runs) -> None:
    for number in range(4):
        await runs.finish(await runs.start(f"t{number}"), RunStatus.UNCHANGED)
    assert [run.trigger for run in await runs.latest(limit=3)] == ["t3", "t2", "t1"]


async def test_run_stays_when_its_version_is_forgotten(runs: Runs, versions: Versions, built: IndexVersion) -> None:
    change = await versions.promote(built.id, [])
    await runs.finish(await runs.start("test"), RunStatus.PROMOTED, version=built, change=change)
    await versions.forget(built.id)
    [run] = await runs.latest()
    assert (run.status, run.version) == (RunStatus.PROMOTED, None)


async def test_runs_left_open_are_closed_and_others_left_alone(runs: Runs) -> None:
    done = await runs.start("done")
    await runs.finish(done, RunStatus.FAILED, reason="The page a.md cannot be read.")
    await runs.start("left open")
    await runs.start("left open too")
    assert await runs.abandon() == 2
    assert await runs.abandon() == 0
    newest, second, oldest = await runs.latest()
    assert {newest.status, second.status} == {RunStatus.FAILED}
    assert newest.reason == second.reason == "The process stopped in the middle."
    assert newest.finished_at is not None
    assert oldest.reason == "The page a.md cannot be read."
