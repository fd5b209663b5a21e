"""The database goes away in the middle of turns and comes back, or its disk is full: each asker is told one thing."""

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.emulators.language_model import Json, Pause, Reply, ScriptedModel, Text
from tests.emulators.slack import SlackDouble
from tests.faults.asking import ask, shows_sources
from tests.faults.books import Books, all_delivered, all_ended
from tests.faults.conftest import World
from tests.faults.gate import Gate
from tests.faults.tight_disk import TightDisk

QUESTION = "How do I push a model to Quillstore?"
ANSWER = Text("Use `quill push` [1].")
AWAY_SECONDS = 10.0
"""How long the Postgres is away. A SQLite is locked until its writers have given up once, after 5 s."""


@pytest.fixture
async def gate(world: World) -> AsyncIterator[Gate | None]:
    """Before a Postgres; SQLite has none."""
    if world.kind == "sqlite":
        yield None
        return
    gate = Gate(world.url)
    await gate.open()
    yield gate
    gate.close()


@asynccontextmanager
async def away(world: World, gate: Gate | None) -> AsyncGenerator[None]:
    if gate is None:
        world.books.lock()
        yield
        world.books.unlock()
        return
    gate.close()
    back = asyncio.get_running_loop().time() + AWAY_SECONDS
    yield
    await asyncio.sleep(back - asyncio.get_running_loop().time())  # not waiting for anything: this is the fault
    await gate.open()


@pytest.mark.timeout(300)
async def test_database_that_was_away_costs_no_turn(
    world: World, gate: Gate | None, tally: Callable[..., None]
) -> None:
    back = asyncio.Event()

    def answer(asked: Json) -> Reply:
        return Pause(back, ANSWER.content) if "meanwhile" in json.dumps(asked) else ANSWER

    async with ScriptedModel() as model, SlackDouble() as slack, httpx.AsyncClient(timeout=120) as client:
        model.respond_with(answer)
        assistant = world.assistant(model, slack, **({"database_url": gate.url} if gate else {}))
        await assistant.start()
        slack.withhold("chat.startStream")
        await slack.mention(f"{QUESTION} (sign of life posted meanwhile)")
        await slack.wait_for(lambda slack: len(slack.withheld) == 1)
        slack.withhold("chat.update", shows_sources)
        await slack.mention(f"{QUESTION} (shown)")
        await slack.wait_for(lambda slack: len(slack.withheld) == 2)
        await slack.mention(f"{QUESTION} (answered meanwhile)")
        waiting = asyncio.create_task(ask(client, assistant, f"{QUESTION} (asked before, answered meanwhile)"))
        await model.wait_for(lambda model: model.waiting == 3)

        async with away(world, gate):
            slack.give_out()
            back.set()
            refusing = asyncio.create_task(ask(client, assistant, f"{QUESTION} (asked while it was away)"))
            told = await slack.mention(f"{QUESTION} (asked while it was away)")
            await slack.wait_for(lambda slack: slack.bot_messages(thread_ts=told.ts))
            refused = await refusing

        await world.books.until(lambda entries: len(entries) == 4 and all_delivered(entries))
        assert (await waiting).status_code == 200
        assert (refused.status_code, "database" in refused.json()["detail"]) == (503, True)
        assert "database" in slack.bot_messages(thread_ts=told.ts)[0].text
        assert (await ask(client, assistant, QUESTION)).status_code == 200
        shown = [message.text for message in slack.bot_messages() if message.thread_ts != told.ts]
        assert ["**Sources**" in text for text in shown] == [True] * 3
        fault = "database locked beyond its patience" if gate is None else f"database away for {AWAY_SECONDS:.0f} s"
        tally(fault, world, asked=7, refused=2, slack=slack)


@pytest.fixture
def tight_disk(tmp_path: Path) -> Iterator[TightDisk]:
    disk = TightDisk(tmp_path / "disk")
    yield disk
    disk.remove()


@pytest.mark.timeout(300)
async def test_full_disk_is_told_and_after_it_all_is_answered(
    sqlite_world: World, built_var: Path, tight_disk: TightDisk, tally: Callable[..., None]
) -> None:
    over = asyncio.Event()
    world = sqlite_world
    file = tight_disk.folder / "assistant.db"
    shutil.copy(built_var / "assistant.db", file)
    world.books = Books(f"sqlite:///{file}")
    async with ScriptedModel() as model, SlackDouble() as slack, httpx.AsyncClient(timeout=120) as client:
        model.script(Pause(over, ANSWER.content), Pause(over, ANSWER.content))
        model.respond_with(lambda _: ANSWER)
        assistant = world.assistant(model, slack, database_url=f"sqlite:///{file}")
        await assistant.start()
        assert assistant.process
        act = await slack.mention(QUESTION)
        running = asyncio.create_task(ask(client, assistant, QUESTION, "mine"))
        await model.wait_for(lambda model: model.waiting == 2)
        await slack.wait_for(lambda slack: slack.bot_messages())

        tight_disk.fill(assistant.process.pid)
        refused = await ask(client, assistant, QUESTION, "another")
        over.set()
        await model.wait_for(lambda model: model.spoken == 2)
        if tight_disk.mounted:
            told = await running
            assert "no room left" in refused.json()["detail"]
            assert "no room left" in told.json()["detail"]
        tight_disk.make_room(assistant.process.pid)
        await running
        assert refused.status_code == 503

        await world.books.until(all_ended)
        afterwards = await ask(client, assistant, "And how do I roll it back?", "mine")
        assert afterwards.status_code == 200
        await slack.mention("And how do I roll it back?", thread_ts=act.ts)
        await world.books.until(lambda entries: len(entries) == 4 and all_ended(entries))
        await slack.wait_for(lambda slack: "**Sources**" in slack.bot_messages(thread_ts=act.ts)[-1].text)
        tally("disk full", world, asked=5, refused=1, slack=slack)
