"""Finds questions that were asked while nobody listened, and has them answered late, once.

Comes in: the servers that are connected. Goes out: messages of the last hours, handed over as if they had just been
said; questions that were heard before are known by their ids. Started by the channel when it connects.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import discord

from bot.discord.listeners import me_of
from bot.discord.reader import DIRECT, PLATFORM, read_message
from bot.hearing import Heard
from core.answering.presence import Presence

CHANNELS = 50
"""Channels of a server that are looked through, at most."""

MESSAGES = 50
"""The latest messages of each that are looked at."""

CONVERSATIONS = 20
"""Threads and direct messages of ours that are looked through, the latest first."""

_log = logging.getLogger(__name__)

Take = Callable[[Heard], Awaitable[None]]


class CatchUp:
    """Looks back once Discord is heard again."""

    def __init__(self, presence: Presence, hours: float) -> None:
        self._presence = presence
        self._longest = timedelta(hours=hours)
        self._looking = asyncio.Lock()
        self._owed = True

    async def run(self, client: discord.Client, take: Take) -> None:
        """Hands over what was missed, server by server. At the first start ever that is nothing.

        That a server is heard is noted once it was looked through; until then, the same is looked for again.
        """
        async with self._looking:
            self._owed = True
            for workspace in self._workspaces(client):
                since = await self._presence.missed_since(PLATFORM, workspace, self._longest)
                if since and self._longest:
                    await self._look(client, workspace, since, take)
                await self._presence.listening(PLATFORM, workspace)
            self._owed = False

    async def listening(self, client: discord.Client, take: Take) -> None:
        """Notes that we hear all servers now; looks back first where that is still owed."""
        if self._looking.locked():
            return
        if self._owed:
            await self.run(client, take)
        for workspace in self._workspaces(client):
            await self._presence.listening(PLATFORM, workspace)

    async def _look(self, client: discord.Client, workspace: str, since: datetime, take: Take) -> None:
        async for message, channel in self._said(client, workspace, since):
            heard = read_message(message, channel, me=me_of(client), sees_content=client.intents.message_content)
            if heard:
                await take(replace(heard, question=replace(heard.question, asked_at=message.created_at)))

    def _workspaces(self, client: discord.Client) -> list[str]:
        """The servers of our shards, and direct messages where they come in."""
        direct = [DIRECT] if 0 in (getattr(client, "shard_ids", None) or [0]) else []
        return [*(str(guild.id) for guild in client.guilds), *direct]

    async def _said(
        self, client: discord.Client, workspace: str, since: datetime
    ) -> AsyncGenerator[tuple[discord.Message, Any]]:
        channels: list[Any] = []
        if workspace != DIRECT and (guild := client.get_guild(int(workspace))):
            channels = [channel for channel in guild.text_channels if _readable(channel)][:CHANNELS]
        channels += await self._conversations(client, workspace, since)
        for channel in channels:
            try:
                latest = [message async for message in channel.history(limit=MESSAGES, after=since, oldest_first=False)]
            except discord.HTTPException as error:
                _log.warning("what was asked in channel %s cannot be seen: %s", channel.id, error)
                continue
            for message in reversed(latest):
                yield message, channel

    async def _conversations(self, client: discord.Client, workspace: str, since: datetime) -> list[Any]:
        """The threads and direct messages in which we spoke lately."""
        found: list[Any] = []
        for session in await self._presence.recent(PLATFORM, since - self._longest, CONVERSATIONS):
            place = session.thread or (session.channel if workspace == DIRECT else "")
            if session.workspace != workspace or not place.isdecimal():
                continue
            try:
                found.append(client.get_channel(int(place)) or await client.fetch_channel(int(place)))
            except discord.HTTPException as error:
                _log.info("conversation %s is gone: %s", place, error)
        return found


def _readable(channel: discord.TextChannel) -> bool:
    allowed = channel.permissions_for(channel.guild.me)
    return allowed.view_channel and allowed.read_message_history
