"""The clock jumps back an hour, between turns and in the middle of one: order, answers and delivery do not mind."""

import asyncio
import shutil
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.emulators.language_model import Hang, Pause, ScriptedModel, Text
from tests.emulators.slack import SlackDouble
from tests.faults.asking import ask
from tests.faults.books import all_delivered
from tests.faults.conftest import World
from tests.serving import ROOT, Assistant

HOUR = 3600
ANSWER = Text("Use `quill push` [1].")
PUSH = "How do I push a model to Quillstore?"
FOLLOW_UPS = ["And how do I roll it back?", "And how do I push it again?", "And what is a Drumline beat?"]


class Clock:
    """The clock of services that are started in its `environment`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        shutil.copy(Path(__file__).with_name("moved_clock.py"), folder / "sitecustomize.py")
        self._offset = folder / "offset"
        self.environment = {"pythonpath": f"{folder}:{ROOT}", "clock_offset_file": self._offset}
        self.offset = 0
        self.jump_back(0)

    def jump_back(self, seconds: int) -> None:
        self.offset -= seconds
        self._offset.with_suffix(".new").write_text(str(self.offset))
        self._offset.with_suffix(".new").rename(self._offset)


async def transcript(client: httpx.AsyncClient, assistant: Assistant, session: str) -> list[dict[str, str]]:
    return (await client.get(f"{assistant.url}/history/{session}")).json()["messages"]


@pytest.mark.timeout(300)
async def test_clock_that_jumps_back_leaves_order_and_answers_alone(
    world: World, tmp_path: Path, tally: Callable[..., None]
) -> None:
    clock, over = Clock(tmp_path / "clock"), asyncio.Event()
    async with ScriptedModel() as model, SlackDouble() as slack, httpx.AsyncClient(timeout=120) as client:
        model.respond_with(lambda _: ANSWER)
        assistant = world.assistant(model, slack, **clock.environment)
        await assistant.start()
        assert (await ask(client, assistant, PUSH, "mine")).status_code == 200
        clock.jump_back(HOUR)
        assert (await ask(client, assistant, FOLLOW_UPS[0], "mine")).status_code == 200

        model.script(Pause(over, " push` [1].", after="Use `quill"))
        streaming = await slack.mention(PUSH)
        await model.wait_for(lambda model: model.waiting == 1)
        clock.jump_back(HOUR)
        over.set()
        await world.books.until(all_delivered)
        assert "**Sources**" in slack.bot_messages(thread_ts=streaming.ts)[0].text

        model.script(Hang(after="Use"))
        killed = await slack.mention(FOLLOW_UPS[0], thread_ts=streaming.ts)
        await model.wait_for(lambda model: model.waiting == 2)
        await slack.wait_for(lambda slack: len(slack.bot_messages(thread_ts=streaming.ts)) == 2)
        await assistant.stop(signal.SIGKILL)
        clock.jump_back(HOUR)
        await assistant.start()
        await world.books.until(lambda entries: len(entries) == 4 and all_delivered(entries))
        for text in FOLLOW_UPS[1:]:
            clock.jump_back(HOUR)
            assert (await ask(client, assistant, text, "mine")).status_code == 200

        told = await transcript(client, assistant, "mine")
        assert [message["text"] for message in told if message["role"] == "user"] == [PUSH, *FOLLOW_UPS]
        assert [message["role"] for message in told] == ["user", "assistant"] * 4
        times = [datetime.fromisoformat(message["created_at"]) for message in told]
        assert times[0] > times[-1], "the clock of the service did jump"
        assert times[-1] < datetime.now(UTC)
        assert killed.ts < slack.bot_messages(thread_ts=streaming.ts)[1].ts
        assert ["**Sources**" in message.text for message in slack.bot_messages()] == [True, True]
        assert slack.violations == []
        tally("clock jumps back an hour, 5 times", world, asked=6, slack=slack)
