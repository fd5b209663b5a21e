"""Posts to Discord, opens threads, and edits what it posted.

Comes in: questions and rendered text. Goes out: calls of Discord's REST API. A placement is "channel id:message id".
Every post carries a nonce made of its question, so that a repeated one is the same message; edits are safe to repeat.
"""

import logging
import time
from typing import Any

import aiohttp
import discord
from discord.ui import View

from bot.discord.pace import Pace, patiently
from bot.discord.reader import DIRECT, message_of, opens_thread, place
from bot.discord.renderer import render_title
from bot.discord.stop_button import stop_view, stops
from core.answering.masking import masked
from core.domain.conversation import Question

EDIT_SECONDS = 1.5
"""Least time between two edits that only show progress; Discord takes about one a second in a channel."""

ALREADY_ACKNOWLEDGED, THREAD_ARCHIVED, CANNOT_REPLY, THREAD_EXISTS = 40060, 50083, 160002, 160004

NONCE_LENGTH = 25

LOOKED_THROUGH = 50
"""The latest messages among which an earlier sign of life is looked for."""

_log = logging.getLogger(__name__)


class Messenger:
    """The voice of the bot. The channel gives it another client when one has to be replaced."""

    client: discord.Client

    def __init__(self) -> None:
        self._responses: dict[str, discord.Interaction] = {}
        self._pace = Pace()
        self._last_edit = float("-inf")

    async def defer(self, interaction: discord.Interaction) -> str:
        """Shows that we think about a slash command; gives the placement, or "" when its time has run out."""
        message = None
        try:
            shown = await interaction.response.defer(thinking=True)
            message = shown.message_id if shown else None
        except discord.NotFound:
            return ""
        except discord.HTTPException as error:
            if error.code != ALREADY_ACKNOWLEDGED:
                raise
        placement = f"{interaction.channel_id}:{message or (await interaction.original_response()).id}"
        self._responses[placement] = interaction
        return placement

    async def open(self, question: Question, placement: str, text: str) -> str:
        """Shows a sign of life where a question is to be answered, in a thread of its own if it opens one."""
        if placement:
            interaction = self._responses.get(placement)
            if interaction:
                view = stop_view(question.event_id)
                await patiently(lambda: interaction.edit_original_response(content=text, view=view))
            else:
                placement = await self._put(question, placement, text, stop_view(question.event_id))
            if opens_thread(question, placement):
                await self._open_thread(question)
            return placement
        there = not opens_thread(question) or await self._open_thread(question)
        view = stop_view(question.event_id)
        try:
            return await self.post(question, text, view, in_thread=there)
        except discord.NotFound:  # the thread of a slash command whose response got lost with a stopped process
            return await self.post(question, text, view, in_thread=False)

    async def posted(self, question: Question) -> str:
        """The placement of a sign of life that was posted for a question, known by its button; "" if there is none."""
        session = question.session
        for place_id in dict.fromkeys((session.thread or session.channel, session.channel)):
            channel = self.client.get_partial_messageable(int(place_id))
            try:
                async for message in channel.history(limit=LOOKED_THROUGH):
                    if stops(message, question.event_id):
                        return f"{place_id}:{message.id}"
            except discord.HTTPException as error:
                _log.info("it cannot be seen what was posted in channel %s before: %s", place_id, error)
        return ""

    async def post(self, question: Question, text: str, view: View | None = None, *, in_thread: bool = True) -> str:
        """Posts where a question was asked; gives the placement."""
        session, asked = question.session, message_of(question)
        if in_thread and session.thread:
            return await self._send(int(session.thread), text, view, nonce=_nonce(question))
        if asked is None or session.workspace == DIRECT:
            return await self._send(int(session.channel), text, view, nonce=_nonce(question))
        return await self._reply(int(session.channel), asked, text, view, nonce=_nonce(question))

    async def respond(self, interaction: discord.Interaction, placement: str, text: str) -> None:
        """Answers a slash command that asks no question."""
        if placement:
            await interaction.edit_original_response(content=text)
        else:
            await self._send(interaction.channel_id or 0, text, nonce=f"{interaction.id}.0")
        self._responses.pop(placement, None)

    async def whisper(self, person: str, text: str) -> None:
        """Writes to somebody in private."""
        user = await self.client.fetch_user(int(person))
        await user.send(text)

    async def show_progress(self, question: Question, placement: str, text: str) -> None:
        """Edits a message if enough time has passed since the last such edit; otherwise leaves it for the next."""
        if time.monotonic() - self._last_edit < EDIT_SECONDS or not self._pace.is_free("edit", place(placement)[0]):
            return
        self._last_edit = time.monotonic()
        try:
            await self._edit(placement, text, stop_view(question.event_id))
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            _log.debug("progress was not shown: %s", error)

    async def finish(self, question: Question, placement: str, parts: list[str]) -> None:
        """Puts the final text where the progress was; further parts follow as messages of their own."""
        home = await self._put(question, placement, parts[0])
        for number, part in enumerate(parts[1:], start=1):
            await self._send_more(question, home, part, number)
        self._responses.pop(placement, None)

    async def _open_thread(self, question: Question) -> bool:
        """Whether the thread of a question is there now."""
        channel = self.client.get_partial_messageable(
            int(question.session.channel), guild_id=int(question.session.workspace)
        )
        root = channel.get_partial_message(int(question.session.thread))
        await self._pace.turn("post", channel.id)
        try:
            await patiently(lambda: root.create_thread(name=render_title(masked(question.text))))
        except discord.HTTPException as error:
            if error.code != THREAD_EXISTS:
                _log.info("no thread can be opened in channel %s: %s", question.session.channel, error)
                return False
        return True

    async def _put(self, question: Question, placement: str, text: str, view: View | None = None) -> str:
        """Edits a message, or posts anew beside it when it is gone or its thread sleeps; gives the placement."""
        try:
            await patiently(lambda: self._edit(placement, text, view))
        except discord.HTTPException as error:
            if not isinstance(error, discord.NotFound | discord.Forbidden) and error.code != THREAD_ARCHIVED:
                raise
            return await self._send(place(placement)[0], text, view, nonce=_nonce(question, "again"))
        return placement

    async def _edit(self, placement: str, text: str, view: View | None) -> None:
        """Edits with the bot's own rights, which last; where it has none, with those of the slash command."""
        channel, message = place(placement)
        interaction = self._responses.get(placement)
        await self._pace.turn("edit", channel)
        try:
            await (
                self.client.get_partial_messageable(channel).get_partial_message(message).edit(content=text, view=view)
            )
        except discord.Forbidden:
            if interaction is None:
                raise
            await interaction.edit_original_response(content=text, view=view)

    async def _send_more(self, question: Question, placement: str, text: str, number: int) -> None:
        """Posts a further part: into the thread under the answer if there is one, otherwise after it."""
        nonce, home = _nonce(question, number), place(placement)[0]
        thread = int(question.session.thread) if opens_thread(question, placement) else home
        try:
            await self._send(thread, text, nonce=nonce)
        except (discord.NotFound, discord.Forbidden):
            interaction = self._responses.get(placement)
            if interaction and not interaction.is_expired():
                await interaction.followup.send(text, suppress_embeds=True)
            else:
                await self._send(home, text, nonce=nonce)

    async def _send(self, channel: int, text: str, view: View | None = None, *, nonce: str) -> str:
        where = self.client.get_partial_messageable(channel)
        await self._pace.turn("post", channel)
        shown: dict[str, Any] = {"view": view} if view else {}
        sent = await patiently(lambda: where.send(text, nonce=nonce, suppress_embeds=True, **shown))
        return f"{channel}:{sent.id}"

    async def _reply(self, channel: int, to: int, text: str, view: View | None, *, nonce: str) -> str:
        where = self.client.get_partial_messageable(channel)
        await self._pace.turn("post", channel)
        asked = discord.MessageReference(message_id=to, channel_id=channel, fail_if_not_exists=False)
        shown: dict[str, Any] = {"reference": asked, **({"view": view} if view else {})}
        try:
            sent = await patiently(lambda: where.send(text, nonce=nonce, suppress_embeds=True, **shown))
        except discord.HTTPException as error:
            if error.code != CANNOT_REPLY:
                raise
            return await self._send(channel, text, view, nonce=nonce)
        return f"{channel}:{sent.id}"


def _nonce(question: Question, part: int | str = 0) -> str:
    return f"{question.event_id.rpartition(':')[2]}.{part}"[-NONCE_LENGTH:]
