"""A bot whose portal has not approved the message content intent."""

from collections.abc import Awaitable, Callable

import discord
import pytest
import simcord
from simcord import ChannelHandle, MemberActor

from bot.discord.client import DiscordChannel
from tests.bot.discord.scripted_discord_engine import ScriptedEngine
from tests.bot.discord.visible import texts


@pytest.fixture
def simcord_bot(discord_channel: DiscordChannel) -> discord.Client:
    discord_channel._do_without_content(discord.PrivilegedIntentsRequired(None))
    discord_channel.client = discord_channel._new_client()
    discord_channel.client.shard_count = 1
    return discord_channel.client


async def test_reply_without_text_is_told_once_that_a_mention_is_needed(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    await alice.send(general, f"{bot_mention} What is DVC?")
    [thread] = general.threads

    await alice.send(thread, "And with S3?")
    await alice.send(thread, "Hello?")
    await alice.send(thread, f"{bot_mention} And with S3?")

    said = texts(thread)
    assert said[0] == "The agent on What is DVC?"
    assert said[1].startswith("I can only read messages that mention me")
    assert said[2:] == ["The agent on And with S3?"]
    assert agent_engine.asked == ["What is DVC?", "And with S3?"]


async def test_threads_of_other_people_hear_nothing(general: ChannelHandle, alice: MemberActor) -> None:
    general._env.backend.create_thread(general.id, "plans", alice.id)
    [thread] = general.threads

    await alice.send(thread, "What do you think?")

    assert texts(thread) == []


async def test_state_says_what_is_lost(discord_channel: DiscordChannel, simcord_env: object) -> None:
    assert simcord_env
    assert "without the message content intent" in await discord_channel.check()


async def test_owner_is_told_once_what_is_lost(
    simcord_env: simcord.Env,
    discord_channel: DiscordChannel,
    make_discord_channel: Callable[[], Awaitable[DiscordChannel]],
) -> None:
    owner = simcord_env.create_user("owner")
    simcord_env.create_guild("Lab", owner=owner)

    await discord_channel._owners.limited("I cannot read all messages.")
    await discord_channel._owners.limited("I cannot read all messages.")
    next_process = await make_discord_channel()
    await simcord_env.restart_bot(next_process.client)
    await next_process._owners.limited("I cannot read all messages.")

    assert texts(owner.dm_channel) == ["I cannot read all messages."]
