"""kill -9 at each point of a turn: after the restart its asker has one answer, where the first sign of life stood."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import pytest

from tests.emulators.language_model import Hang, Json, Reply, ScriptedModel, Text
from tests.emulators.slack import HELP, Act, Message, SlackDouble
from tests.faults.asking import acknowledged, ask, shows_sources
from tests.faults.books import Books, all_delivered
from tests.faults.conftest import World

OPS = "C0OPS"
"""A second channel: more than five posts at once in one would be against Slack's rules."""

QUESTION = "How do I push a model to Quillstore?"
ANSWER = Text("Use `quill push` [1].")
LONG_ANSWER = Text("Use `quill push` [1].\n\n" * 1_200, chunk_size=4_000)
"""Three messages of Slack's."""

HEARD = "heard, not stored"
POSTED = "sign of life posted, not noted"
ASKED = "model asked, silent"
SPEAKING = "model in mid-stream"
ANSWERED = "model has answered, not stored"
SHOWN = "answer shown, not noted"
PARTED = "second of three parts posted"


@dataclass
class Scene:
    """The doubles around a service, and the turns that have come as far as they are meant to."""

    books: Books
    model: ScriptedModel
    slack: SlackDouble
    turns: dict[str, Act] = field(default_factory=dict)

    async def hear(self, point: str, channel: str = HELP) -> None:
        """A question whose text names the point at which its turn is to be killed."""
        self.turns[point] = await self.slack.mention(f"{QUESTION} ({point})", channel)

    async def take(self, point: str, channel: str = HELP) -> None:
        """A question that Slack has handed over for good."""
        await self.hear(point, channel)
        await self.slack.wait_for(lambda slack: acknowledged(slack, self.turns[point]))

    async def withheld(self, count: int) -> None:
        await self.slack.wait_for(lambda slack: len(slack.withheld) == count)

    def messages(self, point: str) -> list[Message]:
        return self.slack.bot_messages(thread_ts=self.turns[point].ts)


def part_of(message: Message) -> int:
    assert message.metadata
    return message.metadata["event_payload"]["part"]


def answer_to(asked: Json) -> Reply:
    return LONG_ANSWER if PARTED in json.dumps(asked) else ANSWER


async def between_database_and_platform(scene: Scene) -> None:
    """One turn at each point where the next thing to happen is said by Slack or the model."""
    scene.slack.withhold("chat.startStream")
    scene.model.script(Hang())
    await scene.take(POSTED)
    await scene.withheld(1)
    await scene.model.wait_for(lambda model: model.waiting == 1)

    scene.slack.withhold("chat.update", shows_sources)
    await scene.take(SHOWN)
    await scene.withheld(2)

    scene.slack.withhold("chat.postMessage", lambda call: call["metadata"]["event_payload"]["part"] == 1)
    await scene.take(PARTED)
    await scene.withheld(3)

    for point, reply in ((ASKED, Hang()), (SPEAKING, Hang(after="Use `quill push`"))):
        already = scene.model.waiting
        scene.model.script(reply)
        await scene.take(point, OPS)
        await scene.model.wait_for(lambda model, already=already: model.waiting == already + 1)
        await scene.slack.wait_for(lambda _, point=point: scene.messages(point))


async def before_a_write(scene: Scene) -> None:
    """One turn at each point where the next thing to happen is a write that the database holds up."""

    def lock_and_answer(_: Json) -> Reply:
        scene.model.respond_with(answer_to)
        scene.books.lock()
        return ANSWER

    scene.model.respond_with(lock_and_answer)
    await scene.take(ANSWERED)
    await scene.model.wait_for(lambda model: model.spoken)
    await scene.slack.wait_for(lambda _: scene.messages(ANSWERED))

    await scene.hear(HEARD)
    later = await scene.slack.event({"type": "app_home_opened", "user": "U0ADA", "tab": "home"})
    await scene.slack.wait_for(lambda slack: acknowledged(slack, later))
    assert not acknowledged(scene.slack, scene.turns[HEARD])


async def kill_and_restart(
    reach: Callable[[Scene], Awaitable[None]], world: World, tally: Callable[..., None]
) -> Scene:
    async with ScriptedModel() as model, SlackDouble() as slack:
        model.respond_with(answer_to)
        scene = Scene(world.books, model, slack)
        assistant = world.assistant(model, slack)
        await assistant.start()
        await reach(scene)
        before = {point: [message.ts for message in scene.messages(point)] for point in scene.turns}
        await assistant.stop(signal.SIGKILL)
        world.books.unlock()
        slack.give_out()

        await assistant.start()
        await world.books.until(lambda entries: len(entries) == len(scene.turns) and all_delivered(entries))
        asked = len(model.requests)
        for act in [await slack.redeliver(a, new) for a in scene.turns.values() for new in (False, True)]:
            await slack.wait_for(lambda slack, act=act: acknowledged(slack, act))

        for point in scene.turns:
            said = scene.messages(point)
            assert [part_of(message) for message in said] == [*range(3 if point == PARTED else 1)], point
            assert [message.ts for message in said][: len(before[point])] == before[point], point
            assert "**Sources**" in said[-1].text, point
            tally(f"kill -9: {point}", world, text=point, slack=slack)
        assert len(model.requests) == asked
        assert slack.violations == []
    return scene


@pytest.mark.timeout(300)
async def test_turns_killed_while_slack_or_the_model_has_the_word(world: World, tally: Callable[..., None]) -> None:
    scene = await kill_and_restart(between_database_and_platform, world, tally)
    assert scene.turns.keys() == {POSTED, SHOWN, PARTED, ASKED, SPEAKING}


@pytest.mark.timeout(300)
async def test_turns_killed_while_the_database_has_the_word(world: World, tally: Callable[..., None]) -> None:
    scene = await kill_and_restart(before_a_write, world, tally)
    assert scene.turns.keys() == {ANSWERED, HEARD}


@pytest.mark.timeout(300)
async def test_question_killed_between_database_and_ledger_is_answered(
    world: World, tally: Callable[..., None]
) -> None:
    async with ScriptedModel() as model, SlackDouble() as slack, httpx.AsyncClient(timeout=120) as client:
        model.respond_with(answer_to)
        assistant = world.assistant(model, slack)
        await assistant.start()
        ledger = Books(f"sqlite:///{assistant.var_dir / 'turns.db'}" if world.kind == "sqlite" else world.url)
        ledger.lock("dbos.workflow_status")
        heard = await slack.mention(QUESTION)
        cut_off = asyncio.create_task(ask(client, assistant, QUESTION, key="the-key"))
        await world.books.until(lambda entries: len(entries) == 2)
        assert model.requests == []
        await assistant.stop(signal.SIGKILL)
        ledger.close()
        assert isinstance((await asyncio.gather(cut_off, return_exceptions=True))[0], httpx.TransportError)

        await assistant.start()
        again = await ask(client, assistant, QUESTION, key="the-key")
        assert again.status_code == 200, again.text
        await world.books.until(all_delivered)
        assert len(model.requests) == 2
        assert "**Sources**" in slack.bot_messages(thread_ts=heard.ts)[0].text
        tally("kill -9: stored, not in the ledger", world, asked=2, slack=slack)
