"""The button under an answer that is being made: who may press it, and what becomes of the answer."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import discord
import pytest
import simcord
from simcord import ChannelHandle, MemberActor

from bot.discord.client import DiscordChannel
from core.answering.service import AnsweringService
from core.domain.conversation import Answer, Question, Status
from core.domain.events import AnswerEvent
from core.storage.turns import Turns
from tests.bot.discord.scripted_discord_engine import ScriptedEngine
from tests.bot.discord.visible import answered, buttons, from_the_bot, texts

SEARCHING = "_Searching for “What is DVC?”…_"


@pytest.fixture(autouse=True)
def hold(simcord_env: simcord.Env, agent_engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers begin and do not end; simcord is told that the bot waits for them, whichever process it is."""
    answer = AnsweringService.answer

    async def forever() -> None:
        await simcord_env.external_wait(asyncio.Event().wait(), reason="the model never ends")

    async def followed(service: AnsweringService, question: Question) -> AsyncGenerator[AnswerEvent]:
        events = answer(service, question)
        while event := await simcord_env.external_wait(anext(events, None), reason="the turn goes on"):
            yield event

    monkeypatch.setattr(AnsweringService, "answer", followed)
    agent_engine.hold = forever


async def begun(general: ChannelHandle, alice: MemberActor, bot_mention: str) -> tuple[str, ChannelHandle]:
    """The event of a mention whose answer has begun, and its thread."""
    asked = await alice.send(general, f"{bot_mention} What is DVC?")
    [thread] = general.threads
    return f"discord:{asked.id}", thread


def only(channel: ChannelHandle) -> discord.Message:
    [message] = from_the_bot(channel)
    return message


async def status(turns: Turns, event_id: str) -> Status:
    asked = await turns.get(event_id)
    assert asked
    return asked.status


async def test_asker_stops_the_answer_and_the_button_goes(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, discord_turns: Turns
) -> None:
    event_id, thread = await begun(general, alice, bot_mention)
    assert buttons(only(thread)) == {"Stop": f"stop:{event_id}"}

    clicked = await alice.click(only(thread), label="Stop")

    assert not clicked.ephemeral
    assert texts(thread)[-1] == "_Stopped._"
    assert buttons(only(thread)) == {}
    assert await status(discord_turns, event_id) is Status.STOPPED


async def test_asker_stops_the_answer_with_a_word(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, discord_turns: Turns
) -> None:
    event_id, thread = await begun(general, alice, bot_mention)

    await alice.send(thread, "stop")

    assert texts(thread) == ["_Stopped._"]
    assert await status(discord_turns, event_id) is Status.STOPPED


async def test_conversation_goes_on_after_a_stop(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    _, thread = await begun(general, alice, bot_mention)
    await alice.click(only(thread), label="Stop")

    agent_engine.hold = None
    await alice.send(thread, "And with S3?")

    assert texts(thread) == [
        "_Stopped._",
        "The agent on And with S3?",
    ]


async def test_somebody_else_is_told_alone_that_only_the_asker_can_stop_it(
    general: ChannelHandle, alice: MemberActor, bob: MemberActor, bot_mention: str, discord_turns: Turns
) -> None:
    event_id, thread = await begun(general, alice, bot_mention)

    clicked = await bob.click(only(thread), label="Stop")

    assert clicked.ephemeral
    assert clicked.response
    assert answered(clicked) == "⚠️ Only the person who asked can stop this answer."
    assert texts(thread)[-1] == SEARCHING
    assert buttons(only(thread)) == {"Stop": f"stop:{event_id}"}
    assert await status(discord_turns, event_id) is Status.PENDING


@pytest.mark.parametrize("end", ["stopped", "answered"])
async def test_click_on_a_question_that_has_ended_meanwhile_changes_nothing(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, discord_turns: Turns, end: str
) -> None:
    event_id, thread = await begun(general, alice, bot_mention)
    if end == "stopped":
        await discord_turns.stop(event_id, "Stopped, as you wished.")
    else:
        await discord_turns.complete(event_id, Answer("Data Version Control."))
    ended = await status(discord_turns, event_id)

    clicked = await alice.click(only(thread), label="Stop")

    assert not clicked.ephemeral
    assert texts(thread)[-1] == SEARCHING
    assert await status(discord_turns, event_id) is ended


async def test_button_of_a_question_that_was_deleted_is_explained(
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    discord_service: AnsweringService,
    discord_turns: Turns,
) -> None:
    event_id, thread = await begun(general, alice, bot_mention)
    asked = await discord_turns.get(event_id)
    assert asked
    await discord_service._sessions.delete(asked.question.session)

    clicked = await alice.click(only(thread), label="Stop")

    assert clicked.ephemeral
    assert clicked.response
    assert answered(clicked) == "⚠️ There is no such question."


async def test_asker_of_a_command_stops_it_in_its_response(general: ChannelHandle, alice: MemberActor) -> None:
    asked = await alice.slash(general, "ask", question="What is DVC?")
    assert asked.response
    assert answered(asked) == SEARCHING

    await alice.click(asked.response, label="Stop")

    assert answered(asked) == "_Stopped._"
    assert buttons(asked.response.message) == {}


async def test_button_of_the_process_before_works_in_the_next(
    simcord_env: simcord.Env,
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    make_discord_channel: Callable[[], Awaitable[DiscordChannel]],
    discord_turns: Turns,
) -> None:
    asked = await alice.send(general, f"{bot_mention} What is DVC?")
    [thread] = general.threads
    await simcord_env.restart_bot((await make_discord_channel()).client)

    await alice.click(only(thread), label="Stop")

    assert texts(thread)[-1] == "_Stopped._"
    assert await status(discord_turns, f"discord:{asked.id}") is Status.STOPPED
