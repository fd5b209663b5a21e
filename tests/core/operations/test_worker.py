"""Workers that share an index: one refreshes, whoever asked, and another one goes on when it is gone."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import NamedTuple

import pytest

from core.bootstrap import Services, open_services
from core.domain.knowledge import Progress, RefreshRun, RunStatus
from core.errors import RefreshFailed, RefreshUnderWay
from core.settings import Settings
from core.storage.migrate import migrate
from tests.serving import Assistant, running_chroma

MakeSettings = Callable[..., Settings]


class Shared(NamedTuple):
    """An index that processes share: each with services of its own."""

    settings: Settings
    pages: Path
    asker: Services
    workers: tuple[Services, Services]


@pytest.fixture(scope="module")
def chroma_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_chroma(tmp_path_factory.mktemp("chroma") / "data") as (url, _):
        yield url


@pytest.fixture
async def shared(
    make_settings: MakeSettings, tmp_path: Path, postgres_url: str, chroma_url: str
) -> AsyncIterator[Shared]:
    """One process that asks, and two that may work; none does yet."""
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "first.md").write_text("# Drumline\n\nA drumline job waits for its queue.\n")
    settings = make_settings(database_url=postgres_url, chroma_url=chroma_url, knowledge_dir=pages)
    await asyncio.to_thread(migrate, settings.sqlalchemy_url)
    async with open_services(settings) as asker, open_services(settings) as one, open_services(settings) as other:
        yield Shared(settings, pages, asker, (one, other))


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what another process does can only be looked at
        await asyncio.sleep(0.02)


async def test_refresh_is_done_once_by_the_worker_on_duty_and_everybody_sees_it(shared: Shared) -> None:
    everybody = (shared.asker, *shared.workers)
    async with aclosing(shared.asker.refresher.refresh("console")) as news:
        told = [await anext(news)]
        asking = [asyncio.create_task(each.refresher.finished("http")) for each in everybody]
        await until(lambda: all(each.refresher.running for each in everybody))
        async with shared.workers[0].worker.beside(), shared.workers[1].worker.beside():
            told += [item async for item in news]
            ended = await asyncio.gather(*asking)
    run = told[-1]
    assert isinstance(run, RefreshRun)
    assert (run.trigger, run.status) == ("console", RunStatus.PROMOTED)
    assert run.change is not None
    assert run.change.added == ("first.md",)
    assert told[0] == Progress("waiting")
    assert {each.id for each in ended} == {run.id}
    assert [each.id for each in await shared.asker.runs.latest()] == [run.id]
    for services in everybody:
        assert (await services.retriever.search("Why does a job wait?", 1))[0].document == "first.md"


async def test_change_in_place_is_found_by_every_process_with_both_sides_of_the_index(shared: Shared) -> None:
    async with shared.workers[0].worker.beside():
        await shared.asker.refresher.finished("test")
        assert await shared.asker.retriever.search("zebrafish", 1)
        (shared.pages / "second.md").write_text("# Zebrafish\n\nThe zebrafish gateway listens on port 7411.\n")
        assert (await shared.asker.refresher.finished("test")).status is RunStatus.UPDATED
    for services in (shared.asker, *shared.workers):
        found = await services.retriever.explain("zebrafish 7411")
        assert found.lexical[0].passage.document == found.dense[0].passage.document == "second.md"


async def test_only_the_worker_on_duty_keeps_time_and_the_next_one_takes_over(shared: Shared) -> None:
    one, other = shared.workers
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(one.worker.beside())
        await until(lambda: one.schedule.is_kept)
        async with other.worker.beside():
            await shared.asker.refresher.finished("test")
            assert (one.schedule.is_kept, other.schedule.is_kept) == (True, False)
            await stack.aclose()
            await until(lambda: other.schedule.is_kept)
            assert not one.schedule.is_kept


async def test_refresh_that_another_process_does_can_be_cancelled_and_keeps_others_from_rolling_back(
    shared: Shared,
) -> None:
    async with aclosing(shared.asker.refresher.refresh("console")) as news:
        assert isinstance(await anext(news), Progress)
        await until(lambda: shared.workers[0].refresher.running)  # noticed, though nobody asked it there
        with pytest.raises(RefreshUnderWay):
            await shared.workers[1].refresher.roll_back()
        assert await shared.workers[0].refresher.cancel()
        async with shared.workers[1].worker.beside():
            with pytest.raises(RefreshFailed, match="Somebody cancelled it"):
                async for _ in news:
                    pass
    assert not await shared.asker.refresher.cancel()


async def test_refresh_of_a_worker_that_was_killed_is_ended_by_the_next_one(shared: Shared, tmp_path: Path) -> None:
    for number in range(40):
        (shared.pages / f"page-{number}.md").write_text(f"# Page {number}\n\n" + f"Gauge {number} is read. " * 40)
    assistant = Assistant(
        tmp_path / "killed",
        var_dir=shared.settings.var_dir,
        database_url=shared.settings.database_url,
        chroma_url=shared.settings.chroma_url,
        knowledge_dir=shared.pages,
    )
    await assistant.serve("--roles", "worker")
    async with aclosing(shared.asker.refresher.refresh("console")) as news:
        async for item in news:
            if isinstance(item, Progress) and item.stage != "waiting":
                break
        await assistant.stop(signal.SIGKILL)
        async with shared.workers[0].worker.beside():
            *_, run = [item async for item in news]
    assert isinstance(run, RefreshRun)
    assert (run.trigger, run.status) == ("console", RunStatus.PROMOTED)
    assert len(await shared.asker.runs.latest()) == 1
