"""Services side by side and one after the other: a question that many hear is one turn, and none is left behind."""

import asyncio
import signal
from collections.abc import Callable

import httpx
import pytest

from tests.emulators.language_model import Hang, Pause, ScriptedModel, Text
from tests.emulators.slack import Act, SlackDouble
from tests.faults.asking import acknowledged, ask
from tests.faults.books import all_delivered
from tests.faults.conftest import World
from tests.serving import Assistant

QUESTION = "How do I push a model to Quillstore?"
ANSWER = Text("Use `quill push` [1].")
LONG_ANSWER = "Use `quill push` [1].\n\n" * 1_200
KEY = "the-same-key"
EACH = 25
"""Deliveries to each of the two services."""


@pytest.mark.timeout(300)
async def test_fifty_deliveries_at_once_are_one_turn(postgres_world: World, tally: Callable[..., None]) -> None:
    async with ScriptedModel() as model, SlackDouble() as slack, httpx.AsyncClient(timeout=120) as client:
        model.respond_with(lambda _: ANSWER)
        pair = [postgres_world.assistant(model, slack, slack_signing_secret=slack.signing_secret) for _ in range(2)]
        await asyncio.gather(*(assistant.start() for assistant in pair))
        asked = await asyncio.gather(
            *(ask(client, assistant, QUESTION, "mine", "the-same-key") for assistant in pair * EACH)
        )
        assert {reply.status_code for reply in asked} == {200}
        assert len({reply.json()["response"] for reply in asked}) == 1
        assert len(model.requests) == 1
        tally("one question 50 times at once, HTTP", postgres_world, text=QUESTION)

        act = await slack.mention("How do I roll a Quillstore model back?")
        delivered = await asyncio.gather(
            *(
                slack.post_event(f"{assistant.url}/slack/events", payload)
                for _ in range(EACH)
                for assistant, payload in zip(pair, act.payloads, strict=True)
            )
        )
        assert {reply.status for reply in delivered} == {200}
        await postgres_world.books.until(lambda entries: len(entries) == 2 and all_delivered(entries))
        assert len(slack.bot_messages(thread_ts=act.ts)) == 1
        assert len(model.requests) == 2
        assert slack.violations == []
        tally("one question 50 times at once, Slack", postgres_world, text="roll a Quillstore", slack=slack)


@pytest.mark.timeout(300)
async def test_turns_of_a_process_that_freezes_are_taken_over_and_it_adds_nothing_when_it_wakes(
    postgres_world: World, tally: Callable[..., None]
) -> None:
    async with ScriptedModel() as model, SlackDouble() as slack, httpx.AsyncClient(timeout=120) as client:
        model.script(Hang(), Hang(after="Use"), Text(LONG_ANSWER, chunk_size=4_000))
        model.respond_with(lambda _: ANSWER)
        frozen, heir = (postgres_world.assistant(model, slack) for _ in range(2))
        await frozen.start()
        await frozen.until(lambda: has_slack(frozen, client))
        slack.withhold("auth.test", lambda _: True)
        await heir.start()  # it hears nothing of Slack before it may
        act, cut_off = await begin_two(model, slack, frozen, client)
        slack.withhold("chat.postMessage", lambda call: call["metadata"]["event_payload"]["part"] == 1)
        long = await slack.mention("How do I write a Drumline beat?", "C0OPS")
        await slack.wait_for(lambda slack: len(slack.withheld) == 2)  # one part is still to come

        frozen.send(signal.SIGSTOP)
        slack.give_out()
        again = await ask(client, heir, QUESTION, "mine", KEY)
        assert (again.status_code, "quill push" in again.json()["response"]) == (200, True)
        await postgres_world.books.until(all_delivered)
        await heir.until(lambda: is_the_only_one(postgres_world))
        answered = [message.as_json() for message in slack.bot_messages()]

        frozen.send(signal.SIGCONT)
        await frozen.until(lambda: says(frozen, "is answered by another process"))
        assert [message.as_json() for message in slack.bot_messages()] == answered
        assert "**Sources**" in slack.bot_messages(thread_ts=act.ts)[0].text
        assert len(slack.bot_messages(thread_ts=long.ts)) == 3
        await frozen.stop(signal.SIGKILL)
        assert isinstance((await asyncio.gather(cut_off, return_exceptions=True))[0], httpx.TransportError)
        assert [said for said in slack.violations if "acknowledged late" not in said] == []  # late: it was frozen
        tally("its process freezes, and wakes too late", postgres_world, asked=3, slack=slack)


@pytest.mark.timeout(300)
async def test_turns_that_outlast_the_patience_of_a_stop_are_handed_over(
    world: World, tally: Callable[..., None]
) -> None:
    async with ScriptedModel() as model, SlackDouble() as slack, httpx.AsyncClient(timeout=120) as client:
        model.script(Hang(), Hang(after="Use"))
        model.respond_with(lambda _: ANSWER)
        assistant = world.assistant(model, slack, stop_seconds=0.1)
        await assistant.start()
        act, cut_off = await begin_two(model, slack, assistant, client)
        assert await assistant.stop() == 0, assistant.said
        told = await cut_off
        assert (told.status_code, "Idempotency-Key" in told.json()["detail"]) == (503, True)
        assert "Traceback" not in assistant.said, assistant.said

        await assistant.start()
        again = await ask(client, assistant, QUESTION, "mine", KEY)
        assert (again.status_code, "quill push" in again.text) == (200, True)
        await world.books.until(all_delivered)
        assert "**Sources**" in slack.bot_messages(thread_ts=act.ts)[0].text
        assert slack.violations == []
        tally("SIGTERM, turns outlast STOP_SECONDS", world, asked=2, slack=slack)


@pytest.mark.timeout(300)
async def test_stop_lets_running_turns_end(sqlite_world: World, tally: Callable[..., None]) -> None:
    async with ScriptedModel() as model, SlackDouble() as slack, httpx.AsyncClient(timeout=120) as client:
        over = asyncio.Event()
        model.script(Pause(over, ANSWER.content), Pause(over, "push` [1].", after="Use `quill "))
        assistant = sqlite_world.assistant(model, slack, stop_seconds=60)
        await assistant.start()
        act, asked = await begin_two(model, slack, assistant, client)
        assert assistant.process
        assistant.process.terminate()
        await assistant.until(lambda: refuses(assistant, client))
        over.set()
        assert (await asked).status_code == 200
        assert await assistant.ended() == 0, assistant.said
        assert "**Sources**" in slack.bot_messages(thread_ts=act.ts)[0].text
        assert all_delivered(sqlite_world.books.questions())
        tally("SIGTERM, turns end within STOP_SECONDS", sqlite_world, asked=2, slack=slack)


async def begin_two(
    model: ScriptedModel, slack: SlackDouble, assistant: Assistant, client: httpx.AsyncClient
) -> tuple[Act, asyncio.Task[httpx.Response]]:
    """A question over Slack and one over HTTP, both with the model."""
    act = await slack.mention("How do I roll a Quillstore model back?")
    await model.wait_for(lambda model: model.waiting == 1)
    await slack.wait_for(lambda slack: acknowledged(slack, act) and slack.bot_messages())
    asked = asyncio.create_task(ask(client, assistant, QUESTION, "mine", KEY))
    await model.wait_for(lambda model: model.waiting == 2)
    return act, asked


async def has_slack(assistant: Assistant, client: httpx.AsyncClient) -> bool:
    return (await client.get(f"{assistant.url}/health")).json()["parts"].get("slack", {}).get("state") == "up"


async def refuses(assistant: Assistant, client: httpx.AsyncClient) -> bool:
    """Whether a service has begun to stop: it takes no connections any more."""
    try:
        await client.get(f"{assistant.url}/", headers={"Connection": "close"})
    except httpx.TransportError:
        return True
    return False


async def is_the_only_one(world: World) -> bool:
    return len(world.books.executors()) == 1


async def says(assistant: Assistant, words: str) -> bool:
    return words in assistant.said
