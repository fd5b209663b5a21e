"""The ledger over real DBOS: each turn once, whoever asks for it, and again after its process is gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from core.answering.turns.durability import GONE_LOOKS, InMemory, Ledger
from core.settings import load_settings
from core.storage.engine import Database
from core.storage.executors import Executors

Open = Callable[..., Awaitable[Ledger]]


class Runs:
    """What a ledger runs: turns that end when they are let go, unless it is asked to hold them."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.hold: asyncio.Event | None = None
        self._news = asyncio.Condition()

    async def run(self, event_id: str) -> None:
        self.begun.append(event_id)
        await self._announce()
        if self.hold:
            await self.hold.wait()
        self.ended.append(event_id)
        await self._announce()

    async def until(self, predicate: Callable[["Runs"], object]) -> None:
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: predicate(self))

    async def _announce(self) -> None:
        async with self._news:
            self._news.notify_all()


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def ledger(
    database: Database, migrated_url: str, tmp_path: Path, runs: Runs
) -> Callable[[], "asynccontextmanager[Ledger]"]:
    """A process, as it were: its ledger is open while the block runs. One at a time, as there is one DBOS."""
    settings = load_settings(database_url=migrated_url, var_dir=tmp_path)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Ledger]:
        one = Ledger(settings.ledger_url, Executors(database), tmp_path, alone=database.embedded)
        await one.open(runs.run)
        try:
            yield one
        finally:
            await one.close()

    return opened


async def test_a_turn_that_is_started_twice_runs_once(ledger: Open, runs: Runs) -> None:
    runs.hold = asyncio.Event()
    async with ledger() as one:
        assert await asyncio.gather(*(one.start("slack:1") for _ in range(10))) == [True] * 10
        runs.hold.set()
        await runs.until(lambda r: r.ended)
        assert runs.begun == ["slack:1"]


async def test_a_turn_that_was_stopped_with_its_process_is_begun_again_by_the_next(ledger: Open, runs: Runs) -> None:
    runs.hold = asyncio.Event()
    async with ledger() as one:
        await one.start("slack:1")
        await runs.until(lambda r: r.begun)
    assert runs.ended == []
    runs.hold = None
    async with ledger():
        await runs.until(lambda r: r.ended)
    assert (runs.begun, runs.ended) == (["slack:1"] * 2, ["slack:1"])
    async with ledger() as third:
        await third.start("slack:2")
        await runs.until(lambda r: "slack:2" in r.ended)
    assert runs.begun == ["slack:1", "slack:1", "slack:2"]


async def test_a_turn_that_ended_is_run_again_when_its_question_is_asked_anew(ledger: Open, runs: Runs) -> None:
    async with ledger() as one:
        await one.start("http:key")
        await runs.until(lambda r: len(r.ended) == 1)
    async with ledger() as two:  # its question was deleted meanwhile, or nobody would start it
        assert await two.start("http:key")
        await runs.until(lambda r: len(r.ended) == 2)


async def test_a_mistake_in_a_turn_ends_that_turn_alone(ledger: Open, runs: Runs) -> None:
    async def broken(event_id: str) -> None:
        if event_id == "slack:broken":
            raise KeyError("a mistake")

    run, runs.run = runs.run, broken  # type: ignore[method-assign]
    async with ledger() as one:
        assert await one.start("slack:broken")
    runs.run = run  # type: ignore[method-assign]
    async with ledger() as two:
        await two.start("slack:fine")
        await runs.until(lambda r: r.ended)
    assert runs.begun == ["slack:fine"]


@pytest.mark.parametrize("migrated_url", ["postgres"], indirect=True)
async def test_a_process_that_shares_its_folder_with_a_living_one_leaves_its_turns_alone(
    database: Database, ledger: Open, tmp_path: Path
) -> None:
    await Executors(database).beat("the other")
    (tmp_path / "executor").write_text("the other")
    with FileLock(tmp_path / "executor.lock"):
        async with ledger() as one:
            assert "the other" not in one.gone()
    assert (tmp_path / "executor").read_text() == "the other"
    async with ledger() as two:
        assert (tmp_path / "executor").read_text() == two.executor
        assert "the other" not in await Executors(database).beats(), "buried: its folder was free"


@pytest.fixture
def watcher(database: Database, tmp_path: Path) -> Ledger:
    """A ledger that is not open: what it makes of the beats of others can be seen without waiting."""
    return Ledger("", Executors(database), tmp_path, alone=False)


def watch(watcher: Ledger, beat: int, looks: int = 1) -> None:
    for _ in range(looks):
        watcher._observe({"other": beat, watcher.executor: 1})


def test_a_process_whose_beat_stands_still_is_gone_after_a_while(watcher: Ledger) -> None:
    watch(watcher, 5, looks=GONE_LOOKS)
    assert watcher.gone() == set()
    watch(watcher, 5)
    assert watcher.gone() == {"other"}


def test_a_process_that_beats_is_alive_however_slowly(watcher: Ledger) -> None:
    for beat in range(20):
        watch(watcher, beat, looks=GONE_LOOKS)
    assert watcher.gone() == set()


def test_a_process_that_was_taken_for_gone_and_beats_again_is_alive(watcher: Ledger) -> None:
    watch(watcher, 5, looks=GONE_LOOKS + 1)
    assert watcher.gone() == {"other"}
    watch(watcher, 6)
    assert watcher.gone() == set()


def test_a_process_that_nobody_has_seen_yet_is_not_gone(watcher: Ledger) -> None:
    watch(watcher, 5, looks=GONE_LOOKS + 1)
    watcher._observe({"other": 5, "new": 0})
    assert watcher.gone() == {"other"}


async def test_in_memory_a_turn_runs_once_and_ends_with_its_process(runs: Runs) -> None:
    memory = InMemory()
    await memory.open(runs.run)
    runs.hold = asyncio.Event()
    await memory.start("command:1")
    await memory.start("command:1")
    await runs.until(lambda r: r.begun)
    await memory.close()
    assert (runs.begun, runs.ended) == (["command:1"], [])
    assert not await memory.peers_changed()
