"""Questions that were asked while no process listened are answered late, once."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
import simcord
from simcord import ChannelHandle, GuildHandle, MemberActor

from bot.discord.client import DiscordChannel
from core.answering.presence import Presence
from core.storage.ids import now
from tests.bot.discord.scripted_discord_engine import ScriptedEngine
from tests.bot.discord.visible import texts

Away = Callable[[], Awaitable[None]]


@pytest.fixture
def heard_until_now(
    presence: Presence, simcord_env: simcord.Env, guild: GuildHandle, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Awaitable[None]]:
    """We have heard the server and direct messages; simcord's clock is another than that of the database."""

    async def missed(platform: str, workspace: str, longest: timedelta) -> object:
        assert (platform, longest) == ("discord", timedelta(hours=6))
        assert workspace in {str(guild.id), "dm"}
        return simcord_env.now() - timedelta(minutes=5)

    async def note() -> None:
        await presence.listening("discord", str(guild.id))
        monkeypatch.setattr(presence, "missed_since", missed)

    return note


@pytest.fixture
def restart(
    simcord_env: simcord.Env,
    make_discord_channel: Callable[[], Awaitable[DiscordChannel]],
) -> Callable[[], Awaitable[None]]:
    async def again() -> None:
        await simcord_env.restart_bot((await make_discord_channel()).client)

    return again


def asked_unheard(env: simcord.Env, channel: ChannelHandle, author: MemberActor, content: str) -> int:
    """Somebody says something that no event tells us of."""
    return env.backend.create_message(channel.id, author.id, content, broadcast=False).id


async def test_missed_mention_is_answered_once(
    simcord_env: simcord.Env,
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    heard_until_now: Away,
    restart: Away,
    agent_engine: ScriptedEngine,
) -> None:
    await alice.send(general, f"{bot_mention} What is DVC?")
    await heard_until_now()
    missed = asked_unheard(simcord_env, general, alice, f"{bot_mention} What is Feast?")

    await restart()
    await restart()

    assert agent_engine.asked == ["What is DVC?", "What is Feast?"]
    thread = next(thread for thread in general.threads if thread.id == missed)
    assert texts(thread) == ["The agent on What is Feast?"]


async def test_missed_reply_in_a_thread_and_in_private_are_answered(
    simcord_env: simcord.Env,
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    heard_until_now: Away,
    restart: Away,
    agent_engine: ScriptedEngine,
) -> None:
    await alice.send(general, f"{bot_mention} What is DVC?")
    await alice.send_dm("What is MLflow?")
    [thread] = general.threads
    await heard_until_now()
    asked_unheard(simcord_env, thread, alice, "And with S3?")
    asked_unheard(simcord_env, alice.user.dm_channel, alice, "And its registry?")

    await restart()

    assert sorted(agent_engine.asked[2:]) == ["And its registry?", "And with S3?"]


async def test_first_start_looks_back_to_nothing(
    simcord_env: simcord.Env,
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    presence: Presence,
    guild: GuildHandle,
    restart: Away,
    agent_engine: ScriptedEngine,
) -> None:
    asked_unheard(simcord_env, general, alice, f"{bot_mention} What is Feast?")

    await restart()

    assert agent_engine.asked == []
    since = await presence.missed_since("discord", str(guild.id), timedelta(hours=1))
    assert since
    assert since <= now()
