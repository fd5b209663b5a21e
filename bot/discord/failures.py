"""How Discord fails us: what we may not do, and that the owner is told so in words, once.

Comes in: what discord.py raises. Goes out: a direct message to the owner of a server. Used by the calls and the
channel.
"""

import logging
from pathlib import Path

import aiohttp
import discord

OUT_OF_REACH = (aiohttp.ClientError, OSError, discord.DiscordServerError)
"""What discord.py raises when it cannot speak with Discord."""

ALREADY_ACKNOWLEDGED, THREAD_ARCHIVED, CANNOT_REPLY, THREAD_EXISTS = 40060, 50083, 160002, 160004

MISSING = {50001, 50013}
"""Missing access, missing permissions."""

_log = logging.getLogger(__name__)


class Owners:
    """Those who can let us do more. What was told is kept in a file, so that a restart does not tell it again."""

    client: discord.Client

    def __init__(self, kept: Path) -> None:
        self._kept = kept

    async def lack(self, channel: int, doing: str, error: discord.HTTPException) -> None:
        """Tells the owner of a server, once, that we lack a permission there."""
        guild = getattr(self.client.get_channel(channel), "guild", None)
        if error.code not in MISSING or not isinstance(guild, discord.Guild):
            return
        _log.warning("we lack a permission to %s in channel %s of %s: %s", doing, channel, guild.name, error.text)
        said = (
            f"I lack a permission to {doing} in <#{channel}> on your server {guild.name} ({error.text}). "
            "Look at my role in the server's settings, and at the permissions of that channel; the README of this bot "
            "names what it needs."
        )
        await self._tell(f"{guild.id}:permissions", guild, said)

    async def limited(self, said: str) -> None:
        """Tells the owner of the application, or of each server if that is nobody, what we have to do without."""
        owner = self.client.application.owner if self.client.application else None
        if owner and not owner.bot:
            await self._write(f"{owner.id}:limited", owner.id, said)
            return
        for guild in self.client.guilds:
            await self._tell(f"{guild.id}:limited", guild, said)

    async def _tell(self, key: str, guild: discord.Guild, said: str) -> None:
        if guild.owner_id:
            await self._write(key, guild.owner_id, said)

    async def _write(self, key: str, person: int, said: str) -> None:
        told = self._kept.read_text().split() if self._kept.exists() else []
        if key in told:
            return
        self._kept.write_text("\n".join([*told, key]))
        try:
            user = await self.client.fetch_user(person)
            await user.send(said)
        except (discord.HTTPException, *OUT_OF_REACH) as error:
            _log.warning("the owner cannot be written to: %s", error)
