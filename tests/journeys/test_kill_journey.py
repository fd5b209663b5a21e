"""The service is killed in the middle of an answer; whoever asked gets exactly one, in the right place."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.emulators.language_model import Hang, ScriptedModel, Text
from tests.emulators.slack import SlackDouble

EMULATORS = Path(__file__).parents[3] / "shared" / "emulators"
HERE = ["emulator"] if EMULATORS.is_dir() else []
"""The emulators stand beside the repository on some machines only; tests on them are collected only there."""

PUSH = "How do I push a model to Quillstore?"
ROLL_BACK = "How do I roll a Quillstore model back?"

Make = Callable[..., Any]


def scripted_answers(model: ScriptedModel) -> None:
    """The first question hangs; whatever comes after is answered."""
    model.script(Hang())
    model.respond_with(lambda _: Text("Use `quill push` [1]."))


def tokens(model: ScriptedModel, **more: Any) -> dict[str, Any]:
    return {"llm_base_url": model.base_url, "llm_model": model.name, **more}


async def test_slack_gets_one_answer_after_kill_and_restart(make_assistant: Make) -> None:
    async with ScriptedModel() as model, SlackDouble() as slack:
        scripted_answers(model)
        access = {"slack_bot_token": slack.bot_token, "slack_app_token": slack.app_token}
        assistant = make_assistant(**tokens(model, **access, slack_api_url=slack.api_url))
        await assistant.start()
        act = await slack.mention(PUSH)
        await model.wait_for(lambda m: m.requests, timeout=60)
        await slack.wait_for(lambda s: all(e.acks for e in s.envelopes))
        await assistant.stop(signal.SIGKILL)
        await assistant.start()
        await slack.wait_for(lambda s: any("**Sources**" in m.text for m in s.bot_messages()), timeout=60)
        follow_up = await slack.say(ROLL_BACK, thread_ts=act.ts)
        await slack.wait_for(lambda s: sum("**Sources**" in m.text for m in s.bot_messages()) == 2, timeout=30)
        assert await assistant.stop() == 0, assistant.said

        first, second = slack.bot_messages()
        assert first.thread_ts == second.thread_ts == act.ts
        assert first.ts < follow_up.ts < second.ts, "the answer stands where the sign of life stood"
        assert slack.violations == []


class Emulator:
    """One of the emulators of the shared folder, and what people do in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.AsyncClient(base_url=f"{url}/_control", timeout=90, trust_env=False)

    async def get(self, verb: str, **query: Any) -> Any:
        reply = await self._client.get(f"/{verb}", params=query)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def post(self, verb: str, **body: Any) -> Any:
        reply = await self._client.post(f"/{verb}", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def up(self) -> bool:
        try:
            return (await self._client.get("/health")).status_code == 200
        except httpx.TransportError:
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def emulated(script: str) -> AsyncIterator[Emulator]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EMULATORS / script), "--port", str(port),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    emulator = Emulator(f"http://127.0.0.1:{port}")
    try:
        async with asyncio.timeout(30):
            while not await emulator.up():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        yield emulator
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("_", HERE)
async def test_slack_emulator_gets_one_answer_after_kill_and_restart(make_assistant: Make, _: str) -> None:
    async with ScriptedModel() as model, emulated("slack_emulator.py") as slack:
        scripted_answers(model)
        access = {"slack_bot_token": "xoxb-test", "slack_app_token": "xapp-test"}
        assistant = make_assistant(**tokens(model, **access, slack_api_url=f"{slack.url}/api"))
        await assistant.start()
        await connected(assistant, "slack")
        asked = await slack.post("mention", user="U0ALICE", channel="C0GENERAL", text=PUSH)
        thread = asked["ts"]
        await model.wait_for(lambda m: m.requests, timeout=60)
        await assistant.stop(signal.SIGKILL)
        await assistant.start()
        await slack.get("wait", thread_ts=thread, contains="**Sources**", timeout=60)
        await slack.post("user_message", user="U0BOB", channel="C0GENERAL", thread_ts=thread, text=ROLL_BACK)
        await slack.get("wait", thread_ts=thread, contains="**Sources**", count=2, timeout=60)
        await slack.post("redeliver", event_id=asked["event_ids"]["message"], new_event_id=True)
        await slack.post("dm", user="U0BOB", text=PUSH)
        await slack.get("wait", contains="**Sources**", count=3, timeout=60)
        said = await slack.get("messages", thread_ts=thread, by="bot")
        violations = await slack.get("violations")
        assert await assistant.stop() == 0, assistant.said

    assert len(said) == 2, json.dumps(said, indent=1)
    assert violations == []


@pytest.mark.parametrize("_", HERE)
async def test_slack_emulator_is_answered_across_its_moods(make_assistant: Make, _: str) -> None:
    async with emulated("slack_emulator.py") as slack:
        access = {"slack_bot_token": "xoxb-test", "slack_app_token": "xapp-test"}
        assistant = make_assistant(**access, slack_api_url=f"{slack.url}/api")
        await assistant.start()
        await connected(assistant, "slack")
        await slack.post("config", duplicate_events=1)
        await slack.post("faults", method="chat.update", kind="ratelimited", times=2, retry_after=1)
        one = await slack.post("mention", user="U0ALICE", channel="C0GENERAL", text=PUSH)
        await slack.get("wait", thread_ts=one["ts"], contains="**Sources**", timeout=60)
        await slack.post("disconnect", mode="refresh_requested")
        two = await slack.post("mention", user="U0ALICE", channel="C0GENERAL", text=PUSH)
        await slack.get("wait", thread_ts=two["ts"], contains="**Sources**", timeout=60)
        for told, channel in enumerate(("C0GENERAL", "C0RANDOM"), 1):  # a command works where the bot is no member too
            await slack.post("slash", command="/ask", text=PUSH, channel=channel, user="U0BOB")
            await told_alone(assistant, slack, told)
        answered = [await slack.get("messages", thread_ts=act["ts"], by="bot") for act in (one, two)]
        violations = await slack.get("violations")
        assert await assistant.stop() == 0, assistant.said

    assert [len(messages) for messages in answered] == [1, 1]
    assert violations == []


@pytest.mark.parametrize("_", HERE)
async def test_discord_emulator_gets_one_answer_after_kill_and_restart(make_assistant: Make, _: str) -> None:
    async with ScriptedModel() as model, emulated("discord_emulator.py") as discord:
        scripted_answers(model)
        access = {"discord_bot_token": "test-token", "discord_api_url": f"{discord.url}/api/v10"}
        assistant = make_assistant(**tokens(model, **access))
        await assistant.start()
        await connected(assistant, "discord")
        await discord.post("mention", content=PUSH)
        await model.wait_for(lambda m: m.requests, timeout=60)
        await assistant.stop(signal.SIGKILL)
        await assistant.start()
        [reply, *more] = await discord.get("wait", contains="**Sources**", timeout=60)
        assert more == []
        await connected(assistant, "discord")
        await discord.post("message", channel=reply["channel_id"], content=ROLL_BACK)
        await discord.get("wait", contains="**Sources**", count=2, timeout=60)
        said = await discord.get("messages", by="bot")
        violations = await discord.get("violations")
        assert await assistant.stop() == 0, assistant.said

    answers = [message for message in said if "**Sources**" in json.dumps(message["components"])]
    assert [message["channel_id"] for message in answers] == [reply["channel_id"]] * 2
    assert violations == []


async def told_alone(assistant: Any, slack: Emulator, count: int) -> None:
    """Waits until so many answers were given to those who asked alone."""

    async def told() -> bool:
        return sum("**Sources**" in json.dumps(said) for said in await slack.get("ephemerals")) == count

    await assistant.until(told)


async def connected(assistant: Any, part: str) -> None:
    """Waits until /health shows the channel as up."""

    async def up() -> bool:
        async with httpx.AsyncClient(trust_env=False) as client:
            parts = (await client.get(f"{assistant.url}/health")).json()["parts"]
            return parts.get(part, {}).get("state") == "up"

    await assistant.until(up)
