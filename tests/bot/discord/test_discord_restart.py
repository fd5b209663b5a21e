"""What a stopped process left behind is finished by the next one, with one answer each."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import simcord
from simcord import ChannelHandle, MemberActor

from bot.discord.client import DiscordChannel
from bot.rendering import WAITING
from core.answering.service import AnsweringService
from core.domain.conversation import Answer, Question, SessionKey
from core.domain.events import AnswerEvent
from core.storage.turns import Turns
from tests.bot.discord.scripted_discord_engine import ScriptedEngine
from tests.bot.discord.visible import answered, texts

Restart = Callable[[], Awaitable[None]]


@pytest.fixture
def hold(simcord_env: simcord.Env, discord_service: AnsweringService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns are stored and never begin, until the process is stopped; simcord is told that the bot waits for them."""
    answer = discord_service.answer

    async def never(_: str) -> bool:
        return True

    async def followed(question: Question) -> AsyncGenerator[AnswerEvent]:
        events = answer(question)
        while event := await simcord_env.external_wait(anext(events, None), reason="the turn never ends"):
            yield event

    monkeypatch.setattr(discord_service._durability, "start", never)
    monkeypatch.setattr(discord_service, "answer", followed)


@pytest.fixture
def restart(
    simcord_env: simcord.Env, make_discord_channel: Callable[[], Awaitable[DiscordChannel]]
) -> Callable[[], object]:
    async def again() -> None:
        await simcord_env.restart_bot((await make_discord_channel()).client)

    return again


@pytest.mark.usefixtures("hold")
async def test_question_in_the_middle_is_answered_into_its_placeholder(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, restart: Restart, discord_turns: Turns
) -> None:
    await alice.send(general, f"{bot_mention} What is DVC?")
    [thread] = general.threads
    assert texts(thread) == [WAITING]

    await restart()

    assert texts(thread) == ["The agent on What is DVC?"]
    assert len(general.threads) == 1
    assert await discord_turns.unfinished("discord", datetime.now(UTC) - timedelta(hours=1)) == []


@pytest.mark.usefixtures("hold")
async def test_placeholder_whose_place_was_not_stored_is_found_by_its_button(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, restart: Restart, discord_turns: Turns
) -> None:
    asked = await alice.send(general, f"{bot_mention} What is DVC?")
    await discord_turns.place(f"discord:{asked.id}", "")

    await restart()

    [thread] = general.threads
    assert texts(thread) == ["The agent on What is DVC?"]


@pytest.mark.usefixtures("hold")
async def test_placeholder_in_a_direct_message_whose_place_was_not_stored_is_found(
    alice: MemberActor, restart: Restart, discord_turns: Turns
) -> None:
    first = await alice.send_dm("What is DVC?")
    await alice.send_dm("And Git LFS?")
    await discord_turns.place(f"discord:{first.id}", "")

    await restart()

    assert texts(alice.user.dm_channel) == ["The agent on What is DVC?", "The agent on And Git LFS?"]


@pytest.mark.usefixtures("hold")
async def test_slash_command_in_the_middle_is_answered_into_its_response(
    general: ChannelHandle, alice: MemberActor, restart: Restart
) -> None:
    result = await alice.slash(general, "ask", question="What is DVC?")

    await restart()

    assert result.response
    assert answered(result) == "The agent on What is DVC?"


@pytest.mark.usefixtures("hold")
async def test_private_answer_of_a_process_that_is_gone_comes_as_a_direct_message(
    general: ChannelHandle, alice: MemberActor, restart: Restart
) -> None:
    await alice.slash(general, "ask", question="What is Feast?", private=True)

    await restart()

    assert texts(alice.user.dm_channel) == ["The agent on What is Feast?"]
    assert texts(general) == []


@pytest.mark.usefixtures("hold")
async def test_placeholder_that_was_deleted_is_replaced_by_a_plain_message(
    simcord_env: simcord.Env, general: ChannelHandle, alice: MemberActor, restart: Restart
) -> None:
    result = await alice.slash(general, "ask", question="What is DVC?")
    assert result.response
    simcord_env.backend.delete_message(general.id, result.response.id)

    await restart()

    assert "The agent on What is DVC?" in texts(general)


async def test_question_that_was_only_stored_gets_its_thread_and_its_answer(
    general: ChannelHandle, alice: MemberActor, restart: Restart, discord_turns: Turns
) -> None:
    asked = await alice.send(general, "What is DVC?")
    session = SessionKey("discord", str(alice.guild.id), str(general.id), str(asked.id))
    await discord_turns.claim(Question(session, "What is DVC?", f"discord:{asked.id}", str(alice.id)), "gone")

    await restart()

    [thread] = general.threads
    assert thread.id == asked.id
    assert texts(thread) == ["The agent on What is DVC?"]


async def test_answer_that_was_not_posted_is_posted_without_asking_again(
    alice: MemberActor,
    restart: Restart,
    discord_turns: Turns,
    agent_engine: ScriptedEngine,
) -> None:
    session = SessionKey("discord", "dm", str(alice.user.dm_channel.id), "")
    question = Question(session, "What is DVC?", "discord:77", str(alice.id))
    await discord_turns.claim(question, "gone")
    await discord_turns.complete(question.event_id, Answer("Data Version Control."))

    await restart()
    await restart()

    assert texts(alice.user.dm_channel) == ["Data Version Control."]
    assert agent_engine.asked == []
