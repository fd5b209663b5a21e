"""Who is answered, and who is left alone: what holds in a channel, and what people do in its threads."""

import discord
import pytest
import simcord
from simcord import ChannelHandle, GuildHandle, MemberActor

from core.answering.presence import Presence
from core.domain.channels import Address
from core.domain.conversation import Answer
from core.storage.turns import Turns
from tests.bot.discord.scripted_discord_engine import ScriptedEngine
from tests.bot.discord.scripted_retriever import ScriptedRetriever
from tests.bot.discord.visible import buttons, first_text, from_the_bot, texts, visible


@pytest.fixture
def crew_room(guild: GuildHandle) -> ChannelHandle:
    return guild.create_text_channel("maintainers")


async def holds(presence: Presence, channel: ChannelHandle, alice: MemberActor, **settings: str) -> None:
    for name, value in settings.items():
        await presence.change(Address("discord", str(alice.guild.id), str(channel.id)), name, value, "test")


async def test_thanks_get_a_reaction_and_no_answer(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    await alice.send(general, f"{bot_mention} What is Feast?")
    [thread] = general.threads

    thanks = await alice.send(thread, "thanks!")

    assert texts(thread) == ["The agent on What is Feast?"]
    assert reactions(thread, thanks.id) == ["👍"]
    assert agent_engine.asked == ["What is Feast?"]


async def test_two_people_who_talk_with_each_other_are_left_alone(
    general: ChannelHandle, alice: MemberActor, bob: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    await alice.send(general, f"{bot_mention} What is Feast?")
    [thread] = general.threads

    await alice.send(thread, f"{bob.mention} do we use that?")
    await bob.send(thread, "Do we? I think so")
    assert agent_engine.asked == ["What is Feast?"]

    await alice.send(thread, f"{bot_mention} Who uses it?")
    assert agent_engine.asked == ["What is Feast?", "Who uses it?"]


async def test_reply_to_somebody_else_in_a_thread_is_left_alone(
    general: ChannelHandle, alice: MemberActor, bob: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    await alice.send(general, f"{bot_mention} What is Feast?")
    [thread] = general.threads
    remark = await bob.send(thread, "I like it")

    await alice.send(thread, "Why do you?", reply_to=remark)

    assert agent_engine.asked == ["What is Feast?"]


async def test_channel_that_is_off_hears_nothing(
    presence: Presence, general: ChannelHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    await holds(presence, general, alice, speaks="off")

    await alice.send(general, f"{bot_mention} What is Feast?")

    assert general.threads == []
    assert agent_engine.asked == []


async def test_channel_for_mentions_alone_ignores_replies_in_the_thread(
    presence: Presence, general: ChannelHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    await holds(presence, general, alice, speaks="mention")
    await alice.send(general, f"{bot_mention} What is Feast?")
    [thread] = general.threads

    await alice.send(thread, "Who uses it?")

    assert agent_engine.asked == ["What is Feast?"]


async def test_sure_answer_is_offered_unasked(
    presence: Presence, retriever: ScriptedRetriever, general: ChannelHandle, alice: MemberActor
) -> None:
    await holds(presence, general, alice, speaks="auto")
    retriever.score = 0.9

    await alice.send(general, "What is Feast?")

    [thread] = general.threads
    assert texts(thread) == ["The agent on What is Feast?"]


async def test_answer_that_we_are_not_sure_of_is_not_offered(
    presence: Presence,
    retriever: ScriptedRetriever,
    general: ChannelHandle,
    alice: MemberActor,
    agent_engine: ScriptedEngine,
    discord_turns: Turns,
) -> None:
    await holds(presence, general, alice, speaks="auto")

    await alice.send(general, "What is lunch?")
    retriever.score = 0.9
    agent_engine.answer = Answer("I do not know.", covered=False)
    asked = await alice.send(general, "What is Feast?")

    assert general.threads == []
    assert texts(general) == []
    assert agent_engine.asked == ["What is Feast?"]
    assert await discord_turns.get(f"discord:{asked.id}") is None


async def test_draft_is_posted_by_the_maintainers(
    presence: Presence, general: ChannelHandle, crew_room: ChannelHandle, alice: MemberActor, bob: MemberActor
) -> None:
    await holds(presence, general, alice, speaks="shadow", maintainers=str(crew_room.id))
    asked = await alice.send(general, "What is Feast?")

    [draft] = from_the_bot(crew_room)
    assert general.threads == []
    assert "> What is Feast?" in first_text(draft)
    assert f"https://discord.com/channels/{alice.guild.id}/{general.id}/{asked.id}" in first_text(draft)
    assert list(buttons(draft)) == ["Post", "Discard"]

    await bob.click(draft, label="Post")

    [thread] = general.threads
    assert texts(thread) == ["The agent on What is Feast?"]
    [decided] = from_the_bot(crew_room)
    assert "bob posted this." in visible(decided)
    assert buttons(decided) == {}


async def test_draft_that_is_discarded_is_not_posted(
    presence: Presence, general: ChannelHandle, crew_room: ChannelHandle, alice: MemberActor, bob: MemberActor
) -> None:
    await holds(presence, general, alice, speaks="shadow", maintainers=str(crew_room.id))
    await alice.send(general, "What is Feast?")
    [draft] = from_the_bot(crew_room)

    await bob.click(draft, label="Discard")

    assert general.threads == []
    assert "bob discarded this." in visible(from_the_bot(crew_room)[0])


async def test_person_who_may_not_ask_is_told_once(
    presence: Presence, general: ChannelHandle, alice: MemberActor, bob: MemberActor, bot_mention: str
) -> None:
    await holds(presence, general, alice, askers=str(bob.id))

    await alice.send(general, f"{bot_mention} What is Feast?")
    await alice.send(general, f"{bot_mention} What is DVC?")

    assert texts(general) == ["The owner has limited who may ask me here."]
    assert general.threads == []


async def test_bot_that_is_allowed_may_ask_with_a_mention(
    simcord_env: simcord.Env,
    presence: Presence,
    guild: GuildHandle,
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    agent_engine: ScriptedEngine,
) -> None:
    other = guild.add_member(simcord_env.create_user("other", bot=True))
    await holds(presence, general, alice, bots=str(other.id))

    await other.send(general, f"{bot_mention} What is DVC?")

    assert agent_engine.asked == ["What is DVC?"]


async def test_first_post_of_a_forum_is_answered_in_place(
    simcord_env: simcord.Env, guild: GuildHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    forum = guild.create_forum_channel("questions")
    post = simcord_env.backend.create_thread(forum.id, "Feast", alice.id)
    [thread] = forum.threads
    assert thread.id == post.id

    await alice.send(thread, f"{bot_mention} What is Feast?")
    await alice.send(thread, "Who uses it?")

    assert texts(thread) == ["The agent on What is Feast?", "The agent on Who uses it?"]
    assert agent_engine.transcripts[-1] == ["What is Feast?", "The agent on What is Feast?"]


async def test_owner_is_told_once_that_a_permission_is_missing(
    simcord_env: simcord.Env, alice: MemberActor, bot_mention: str
) -> None:
    owner = simcord_env.create_user("owner")
    server = simcord_env.create_guild("Lab", owner=owner)
    member = server.add_member(alice.user)
    denied = discord.PermissionOverwrite(send_messages=False, create_public_threads=False)
    quiet = server.create_text_channel("quiet", overwrites={server.me: denied} if server.me else {})

    await member.send(quiet, f"{bot_mention} What is DVC?")
    await member.send(quiet, f"{bot_mention} What is Feast?")

    [told] = texts(owner.dm_channel)
    assert "I lack a permission to post messages" in told
    assert "Lab" in told


def reactions(channel: ChannelHandle, message_id: int) -> list[str]:
    [message] = [message for message in channel.history() if message.id == message_id]
    return [str(reaction.emoji) for reaction in message.reactions]
