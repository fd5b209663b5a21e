"""Questions that are reworded or deleted after they were asked."""

import simcord
from simcord import ChannelHandle, MemberActor

from core.answering.presence import Presence
from core.domain.channels import Address
from core.domain.conversation import Answer
from core.storage.turns import Turns
from tests.bot.discord.scripted_discord_engine import ScriptedEngine
from tests.bot.discord.visible import from_the_bot, texts


async def test_reworded_question_is_answered_in_the_place_of_its_answer(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine, discord_turns: Turns
) -> None:
    asked = await alice.send(general, f"{bot_mention} What is Feats?")
    [thread] = general.threads
    [first] = from_the_bot(thread)

    await alice.edit(asked, f"{bot_mention} What is Feast?")

    [now] = from_the_bot(thread)
    assert now.id == first.id
    assert texts(thread) == ["The agent on What is Feast?"]
    assert agent_engine.asked == ["What is Feats?", "What is Feast?"]
    standing = await discord_turns.standing(f"discord:{asked.id}")
    assert standing
    assert standing.question.text == "What is Feast?"


async def test_question_that_is_reworded_twice_has_one_answer(
    simcord_env: simcord.Env, general: ChannelHandle, alice: MemberActor, bot_mention: str
) -> None:
    asked = await alice.send(general, f"{bot_mention} What is A?")

    await alice.edit(asked, f"{bot_mention} What is B?")
    await simcord_env.advance_time(1)  # the clock of simcord stands still otherwise
    await alice.edit(asked, f"{bot_mention} What is C?")

    assert texts(general.threads[0]) == ["The agent on What is C?"]


async def test_messages_that_a_shorter_answer_needs_no_more_are_deleted(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    agent_engine.answer = Answer("\n\n".join(f"Paragraph {n} {'x' * 200}" for n in range(30)))
    asked = await alice.send(general, f"{bot_mention} Show me")
    [thread] = general.threads
    assert len(from_the_bot(thread)) == 2

    agent_engine.answer = Answer("Short.")
    await alice.edit(asked, f"{bot_mention} Show me briefly")

    assert texts(thread) == ["Short."]


async def test_edit_that_changes_no_words_asks_nothing(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    asked = await alice.send(general, f"{bot_mention} What is Feast?")

    await alice.edit(asked, f"{bot_mention}  What is Feast?")

    assert agent_engine.asked == ["What is Feast?"]


async def test_late_edit_asks_nothing(
    simcord_env: simcord.Env,
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    agent_engine: ScriptedEngine,
) -> None:
    asked = await alice.send(general, f"{bot_mention} What is Feats?")
    await simcord_env.advance_time(61)

    await alice.edit(asked, f"{bot_mention} What is Feast?")

    assert agent_engine.asked == ["What is Feats?"]


async def test_mention_that_is_added_asks(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    asked = await alice.send(general, "What is Feast?")

    await alice.edit(asked, f"{bot_mention} What is Feast?")

    assert agent_engine.asked == ["What is Feast?"]
    assert texts(general.threads[0]) == ["The agent on What is Feast?"]


async def test_deleted_question_takes_its_answer_along(
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    agent_engine: ScriptedEngine,
    discord_turns: Turns,
) -> None:
    agent_engine.answer = Answer("\n\n".join(f"Paragraph {n} {'x' * 200}" for n in range(30)))
    asked = await alice.send(general, f"{bot_mention} Show me")
    [thread] = general.threads

    await alice.delete(asked)

    assert texts(thread) == []
    assert await discord_turns.get(f"discord:{asked.id}") is None


async def test_answer_is_kept_where_the_channel_wants_that(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, presence: Presence
) -> None:
    address = Address("discord", str(alice.guild.id), str(general.id))
    await presence.change(address, "delete_answers", "no", "test")
    asked = await alice.send(general, f"{bot_mention} What is Feast?")

    await alice.delete(asked)

    assert texts(general.threads[0]) == ["The agent on What is Feast?"]
