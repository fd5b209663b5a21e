"""How the channel gets in at Discord's door, over a real socket, and what it says when it does not."""

from collections.abc import AsyncIterator, Callable

import pytest
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route
from pydantic import SecretStr

from bot.discord import client
from bot.discord.client import DiscordChannel
from bot.discord.reader import DIRECT, PLATFORM
from core.answering.aftercare import Aftercare
from core.answering.errands import ErrandDesk
from core.answering.presence import Presence
from core.answering.service import AnsweringService
from core.errors import ChannelError
from core.settings import Settings
from tests.bot.discord.discord_door import MESSAGE_CONTENT, DiscordDoor

Connect = Callable[..., DiscordChannel]


@pytest.fixture
async def door(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordDoor]:
    """A door; the addresses that discord.py keeps in its classes are put back afterwards, and nobody waits."""
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)
    monkeypatch.setattr(client, "RETRY_SECONDS", 0)
    opened = DiscordDoor()
    async with opened.server:
        yield opened


@pytest.fixture
async def connect(
    door: DiscordDoor,
    discord_settings: Settings,
    discord_service: AnsweringService,
    presence: Presence,
    aftercare: Aftercare,
    errands: ErrandDesk,
) -> AsyncIterator[Connect]:
    """Makes a channel for the door; it is stopped at the end."""
    made: list[DiscordChannel] = []

    def make(**overrides: object) -> DiscordChannel:
        changed = {"discord_api_url": door.api_url, **overrides}
        settings = discord_settings.model_copy(update=changed)
        made.append(DiscordChannel(settings, discord_service, presence, aftercare, errands))
        return made[-1]

    yield make
    for channel in made:
        await channel.stop()


async def test_channel_connects_and_tells_its_commands(door: DiscordDoor, connect: Connect) -> None:
    channel = connect()

    await channel.start()
    await door.commands_told.wait()

    assert await channel.check() == "connected as assistant to 0 server(s)"
    assert door.commands == ["Ask about this message", "ask", "crew", "help", "reset", "settings", "sources"]
    assert yarl.URL(door.api_url).port == DiscordWebSocket.DEFAULT_GATEWAY.port


async def test_wrong_token_is_told_in_one_sentence(connect: Connect) -> None:
    channel = connect(discord_bot_token=SecretStr("wrong"))

    with pytest.raises(ChannelError, match="Discord refused DISCORD_BOT_TOKEN"):
        await channel.start()
    with pytest.raises(ChannelError, match="Discord refused DISCORD_BOT_TOKEN"):
        await channel.check()


async def test_refused_intent_is_done_without(
    door: DiscordDoor, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    door.content_approved = False
    channel = connect()

    await channel.start()

    assert [bool(intents & MESSAGE_CONTENT) for intents in door.identified] == [True, False]
    assert "without the message content intent" in await channel.check()
    assert caplog.text.count("MESSAGE CONTENT INTENT") == 1


async def test_discord_being_away_is_waited_out(door: DiscordDoor, connect: Connect) -> None:
    door.away = 2
    channel = connect()

    await channel.start()
    with pytest.raises(ChannelError, match="cannot be reached"):
        await channel.check()
    await door.commands_told.wait()

    assert (await channel.check()).startswith("connected as assistant")


async def test_processes_share_the_servers_by_shards(door: DiscordDoor, connect: Connect) -> None:
    door.guilds = [number << 22 for number in (10, 11, 12, 14, 17)]
    halves = [connect(discord_shard_ids=(shard,), discord_shard_count=2) for shard in range(2)]

    for half in halves:
        await half.start()

    assert [await half.check() for half in halves] == [
        f"connected as assistant to {servers} server(s), 1 of 2 shards" for servers in (3, 2)
    ]


@pytest.mark.parametrize(("shard", "heard"), [(0, {DIRECT, str(10 << 22)}), (1, {str(11 << 22)})])
async def test_direct_messages_are_heard_by_the_first_shard(
    door: DiscordDoor, connect: Connect, presence: Presence, shard: int, heard: set[str]
) -> None:
    door.guilds = [10 << 22, 11 << 22]
    channel = connect(discord_shard_ids=(shard,), discord_shard_count=2)

    await channel.start()
    await channel.stop()

    assert {*await presence.listened_to(PLATFORM)} == heard


async def test_stopped_channel_says_that_it_is_not_connected(connect: Connect) -> None:
    channel = connect()
    await channel.start()

    await channel.stop()

    with pytest.raises(ChannelError):
        await channel.check()
