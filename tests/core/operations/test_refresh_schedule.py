"""When the index is refreshed: cron as everybody knows it, in UTC."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from core.bootstrap import Services, open_services
from core.domain.knowledge import RunStatus, SourceKind
from core.errors import ConfigurationError
from core.operations.scheduler import RefreshSchedule
from core.settings import Settings

MakeSettings = Callable[..., Settings]


@pytest.fixture
async def schedule_of(services: Services) -> AsyncIterator[Callable[[str], RefreshSchedule]]:
    """Starts a schedule; all are stopped at the end."""
    started: list[RefreshSchedule] = []

    def start(cron: str) -> RefreshSchedule:
        started.append(RefreshSchedule(services.refresher, services.sources, cron))
        started[-1].start()
        return started[-1]

    yield start
    for schedule in started:
        schedule.stop()


def scheduler_of(schedule: RefreshSchedule) -> AsyncIOScheduler:
    return schedule._scheduler


async def test_next_run_is_in_the_future_in_utc(schedule_of: Callable[[str], RefreshSchedule]) -> None:
    when = schedule_of("17 3 * * *").next_run
    assert when is not None
    assert (when.hour, when.minute, when.utcoffset()) == (3, 17, UTC.utcoffset(None))
    assert when > datetime.now(UTC)


async def test_schedule_that_is_off_has_no_next_run(schedule_of: Callable[[str], RefreshSchedule]) -> None:
    assert schedule_of("off").next_run is None


async def test_schedule_that_was_not_started_has_no_next_run(services: Services) -> None:
    schedule = RefreshSchedule(services.refresher, services.sources, "17 3 * * *")
    assert schedule.next_run is None
    schedule.stop()


@pytest.mark.parametrize(
    ("field", "days"),
    [("0", {"Sunday"}), ("7", {"Sunday"}), ("1", {"Monday"}), ("6", {"Saturday"}), ("sun", {"Sunday"})],
)
async def test_days_of_the_week_are_numbered_as_in_cron(
    schedule_of: Callable[[str], RefreshSchedule], field: str, days: set[str]
) -> None:
    when = schedule_of(f"0 3 * * {field}").next_run
    assert when is not None
    assert {f"{when:%A}"} == days


async def test_range_of_working_days_holds_no_weekend(schedule_of: Callable[[str], RefreshSchedule]) -> None:
    trigger = scheduler_of(schedule_of("0 3 * * 1-5")).get_job("refresh").trigger
    when, seen = datetime(2026, 11, 23, tzinfo=UTC), set()
    for _ in range(10):
        when = trigger.get_next_fire_time(when, when)
        seen.add(f"{when:%A}")
    assert seen == {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday"}


@pytest.mark.parametrize("cron", ["99 3 * * *", "x 3 * * *", "0 3 * 13 *", "0 3 32 * *", "*/0 3 * * *"])
async def test_fields_that_are_no_time_are_refused(make_settings: MakeSettings, cron: str) -> None:
    settings = make_settings(refresh_cron=cron)
    with pytest.raises(ConfigurationError, match=r"REFRESH_CRON=.* is no schedule"):
        async with open_services(settings):
            pass


async def test_schedule_refreshes_when_its_time_has_come(
    services: Services, schedule_of: Callable[[str], RefreshSchedule]
) -> None:
    earlier = len(await services.runs.latest())
    schedule = schedule_of("17 3 * * *")
    await job_done(schedule)
    run = (await services.runs.latest())[0]
    assert (run.trigger, run.status) == ("schedule", RunStatus.UNCHANGED)
    assert len(await services.runs.latest()) == earlier + 1
    assert schedule.next_run is not None


async def test_failed_refresh_is_logged_and_the_schedule_goes_on(
    ready_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_services(ready_settings(refresh_cron="17 3 * * *")) as opened:
        await opened.sources.remove("knowledge")
        opened.schedule.start()
        with caplog.at_level(logging.ERROR, logger="core.operations.scheduler"):
            await job_done(opened.schedule)
        assert "There is no page to index" in caplog.text
        assert opened.schedule.next_run is not None
        assert (await opened.runs.latest())[0].status is RunStatus.FAILED


async def test_source_with_a_schedule_of_its_own_is_read_by_that_alone(
    services: Services, schedule_of: Callable[[str], RefreshSchedule], tmp_path: Path
) -> None:
    (tmp_path / "tide.md").write_text("# Tidewatch\n\nTidewatch measures how far features drift with the tide.\n")
    timed = {"kind": SourceKind.FOLDER, "location": str(tmp_path), "schedule": "* * * * *"}
    await services.curator.add("timed", timed)
    schedule = schedule_of("17 3 * * *")

    await job_done(schedule)
    assert (await services.sources.get("timed")).refreshed_at is None

    await job_done(schedule, "sources")
    read = await services.sources.get("timed")
    assert read.refreshed_at is not None
    assert await services.library.document("timed/tide.md")


async def test_source_whose_time_has_not_come_is_left_alone(
    services: Services, schedule_of: Callable[[str], RefreshSchedule], tmp_path: Path
) -> None:
    (tmp_path / "tide.md").write_text("# Tidewatch\n\nTidewatch measures how far features drift with the tide.\n")
    rare = {"kind": SourceKind.FOLDER, "location": str(tmp_path), "schedule": "0 0 1 1 *"}
    await services.curator.add("rare", rare)
    await services.refresher.finished("test", only="rare")
    runs = len(await services.runs.latest(50))

    await job_done(schedule_of("off"), "sources")

    assert len(await services.runs.latest(50)) == runs


async def test_stopped_schedule_can_be_stopped_again(services: Services) -> None:
    schedule = RefreshSchedule(services.refresher, services.sources, "17 3 * * *")
    schedule.start()
    schedule.stop()
    schedule.stop()


async def job_done(schedule: RefreshSchedule, job: str = "refresh") -> None:
    """Lets the time of the job come, and waits for its end."""
    done = asyncio.Event()
    scheduler = scheduler_of(schedule)
    scheduler.add_listener(lambda _: done.set(), EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
    scheduler.get_job(job).modify(next_run_time=datetime.now(UTC))
    async with asyncio.timeout(30):
        await done.wait()
