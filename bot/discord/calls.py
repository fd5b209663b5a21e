"""Single calls of Discord's REST API, paced, and repeated when the way there fails.

Comes in: ids and `Post`s. Goes out: messages, edits, threads and reactions; a placement is "channel id:message id".
Every post carries a nonce, so that a repeated one is the same message; edits are safe to repeat. Used by the messenger.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import discord

from bot.discord.failures import CANNOT_REPLY, Owners
from bot.discord.layout import attached, layout
from bot.discord.pace import Pace, patiently
from bot.discord.reader import place
from bot.discord.renderer import Post

TYPING_SECONDS = 8.0
"""Discord shows for ten that somebody types."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Calls:
    """Our hand at Discord. The channel gives it another client when one has to be replaced."""

    client: discord.Client

    def __init__(self, owners: Owners) -> None:
        self._owners = owners
        self.pace = Pace()
        self._typed: dict[int, float] = {}

    async def send(
        self, channel: int, post: Post, nonce: str = "", *, pinging: discord.AllowedMentions | None = None
    ) -> str:
        """Posts into a channel; gives the placement."""
        where = self.client.get_partial_messageable(channel)
        more: dict[str, Any] = {"nonce": nonce} if nonce else {}
        more |= {"allowed_mentions": pinging} if pinging else {}
        sent = await self._made(
            "post messages", channel, lambda: where.send(view=layout(post), files=attached(post), **more)
        )
        return f"{channel}:{sent.id}"

    async def reply(self, channel: int, to: int, post: Post, nonce: str) -> str:
        """Posts as a reply, or beside it where that cannot be; gives the placement."""
        where = self.client.get_partial_messageable(channel)
        asked = discord.MessageReference(message_id=to, channel_id=channel, fail_if_not_exists=False)
        try:
            sent = await self._made(
                "post messages",
                channel,
                lambda: where.send(view=layout(post), files=attached(post), reference=asked, nonce=nonce),
            )
        except discord.HTTPException as error:
            if error.code != CANNOT_REPLY:
                raise
            return await self.send(channel, post, nonce)
        return f"{channel}:{sent.id}"

    async def edit(self, placement: str, post: Post) -> None:
        """Edits a message of ours; text that it had before it had components goes."""
        channel, message = place(placement)
        there = self.client.get_partial_messageable(channel).get_partial_message(message)
        await self.pace.turn("edit", channel)
        await there.edit(content=None, view=layout(post), attachments=attached(post))

    async def delete(self, placement: str) -> None:
        """Deletes a message of ours; that it is gone is fine."""
        channel, message = place(placement)
        there = self.client.get_partial_messageable(channel).get_partial_message(message)
        await self.pace.turn("delete", channel)
        try:
            await patiently(there.delete)
        except discord.NotFound:
            return

    async def open_thread(self, channel: int, guild: int, root: int, title: str) -> None:
        """Opens a thread under a message."""
        there = self.client.get_partial_messageable(channel, guild_id=guild).get_partial_message(root)
        await self._made("open threads", channel, lambda: there.create_thread(name=title), kind="thread")

    async def type_meanwhile(self, channel: int) -> None:
        """Shows that we type, where what comes has to wait in line; Discord shows it for some ten seconds."""
        now = time.monotonic()
        if now - self._typed.get(channel, float("-inf")) < TYPING_SECONDS:
            return
        self._typed[channel] = now
        try:
            await self.client.get_partial_messageable(channel).typing()
        except discord.HTTPException as error:
            _log.debug("channel %s does not show that we type: %s", channel, error)

    async def react(self, channel: int, message: int, emoji: str) -> None:
        """Reacts to a message; that it was done before is fine."""
        there = self.client.get_partial_messageable(channel).get_partial_message(message)
        await self._made("add reactions", channel, lambda: there.add_reaction(emoji), kind="react")

    async def _made(self, doing: str, channel: int, call: Callable[[], Awaitable[T]], *, kind: str = "post") -> T:
        await self.pace.turn(kind, channel)
        try:
            return await patiently(call)
        except discord.Forbidden as error:
            await self._owners.lack(channel, doing, error)
            raise
