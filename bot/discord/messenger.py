"""Posts to Discord, opens threads, and edits what it posted.

Comes in: questions and rendered messages. Goes out: calls of Discord's REST API. A placement is "channel id:message
id". Nonces are made of the question, so that what is posted twice is the same message.
"""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import aiohttp
import discord

from bot.discord.calls import Calls
from bot.discord.failures import ALREADY_ACKNOWLEDGED, THREAD_ARCHIVED, THREAD_EXISTS
from bot.discord.layout import attached, layout, stops
from bot.discord.pace import patiently
from bot.discord.reader import DIRECT, message_of, opens_thread, place
from bot.discord.renderer import Post, render_notice, render_progress, render_title, render_working
from bot.rendering import WAITING
from bot.work import Keeps, TakenOver
from core.answering.masking import masked
from core.domain.conversation import Question, SessionKey
from core.domain.events import AnswerEvent

EDIT_SECONDS = 1.5
"""Least time between two edits of a message that only show progress; Discord takes about one a second in a channel."""

NONCE_LENGTH = 25

LOOKED_THROUGH = 50
"""The latest messages among which an earlier sign of life is looked for."""

NOTHING_POSTED: Mapping[int, str] = MappingProxyType({})

_log = logging.getLogger(__name__)


class Messenger:
    """The voice of the bot."""

    def __init__(self, calls: Calls, keeps: Keeps) -> None:
        self._calls = calls
        self._keeps = keeps
        self._responses: dict[str, discord.Interaction] = {}
        self._edited: dict[str, float] = {}
        self._writing: set[str] = set()

    async def defer(self, interaction: discord.Interaction, *, ephemeral: bool = False) -> str:
        """Shows that we think about a slash command; gives the placement, or "" when its time has run out."""
        message = None
        try:
            shown = await interaction.response.defer(thinking=True, ephemeral=ephemeral)
            message = shown.message_id if shown else None
        except discord.NotFound:
            return ""
        except discord.HTTPException as error:
            if error.code != ALREADY_ACKNOWLEDGED:
                raise
        placement = f"{interaction.channel_id}:{message or (await interaction.original_response()).id}"
        if not ephemeral:
            self._responses[placement] = interaction
        return placement

    async def hold(self, question: Question) -> None:
        """Raises TakenOver when it is no more for this process to speak about a question."""
        if not await self._keeps(question):
            raise TakenOver(f"question {question.event_id} is answered by another process")

    async def open(self, question: Question, placement: str = "") -> str:
        """Shows a sign of life where a question is to be answered, in a thread of its own if it opens one.

        Raises TakenOver.
        """
        await self.hold(question)
        post = render_working(WAITING, question.event_id)
        if not placement:
            return await self._begin(question, post)
        interaction = self._responses.get(placement)
        if interaction:
            await patiently(lambda: interaction.edit_original_response(content=None, view=layout(post)))
        else:
            placement = await self._put(question, placement, post)
        if self._hangs(question, placement):
            await self._open_thread(question)
        return placement

    async def posted(self, question: Question) -> dict[int, str]:
        """Where a sign of life was posted for a question, known by its button; nothing if there is none."""
        session = question.session
        for place_id in dict.fromkeys((session.thread or session.channel, session.channel)):
            channel = self._calls.client.get_partial_messageable(int(place_id))
            try:
                async for message in channel.history(limit=LOOKED_THROUGH):
                    if stops(message, question.event_id):
                        return {0: f"{place_id}:{message.id}"}
            except discord.HTTPException as error:
                _log.info("it cannot be seen what was posted in channel %s before: %s", place_id, error)
        return {}

    async def post(self, question: Question, post: Post, *, in_thread: bool = True) -> str:
        """Posts where a question was asked; gives the placement."""
        session, asked = question.session, message_of(question)
        if in_thread and session.thread:
            return await self._calls.send(int(session.thread), post, _nonce(question))
        if asked is None or session.workspace == DIRECT:
            return await self._calls.send(int(session.channel), post, _nonce(question))
        return await self._calls.reply(int(session.channel), asked, post, _nonce(question))

    async def notify(self, question: Question, text: str) -> None:
        """Says something about a question where it was asked, without a thread for it."""
        await self.post(question, render_notice(text), in_thread=not self._hangs(question))

    async def announce(self, channel: int, post: Post, title: str, guild: int | None) -> SessionKey | None:
        """Posts into a channel and opens a thread there; gives the conversation, None if there can be none."""
        _, root = place(await self._calls.send(channel, post))
        if guild is None:
            return None
        try:
            await self._calls.open_thread(channel, guild, root, render_title(masked(title)))
        except discord.HTTPException as error:
            _log.info("no thread can be opened in channel %s: %s", channel, error)
            return None
        return SessionKey("discord", str(guild), str(channel), str(root))

    async def say(self, channel: int, post: Post, pinging: discord.AllowedMentions | None = None) -> str:
        """Posts what answers no question; gives the placement."""
        return await self._calls.send(channel, post, pinging=pinging)

    async def respond(self, interaction: discord.Interaction, placement: str, text: str) -> None:
        """Answers a slash command that asks no question."""
        post = render_notice(text)
        if placement:
            await interaction.edit_original_response(view=layout(post))
        else:
            await self._calls.send(interaction.channel_id or 0, post, f"{interaction.id}.0")
        self._responses.pop(placement, None)

    async def whisper(self, person: str, post: Post) -> None:
        """Writes to somebody in private."""
        user = await self._calls.client.fetch_user(int(person))
        await user.send(view=layout(post))

    async def react(self, question: Question, emoji: str) -> None:
        """Reacts to the message that asked a question, if one did."""
        asked = message_of(question)
        if asked is None:
            return
        try:
            await self._calls.react(self.where(question), asked, emoji)
        except discord.HTTPException as error:
            _log.info("no reaction to %s: %s", question.event_id, error)

    async def show_progress(self, question: Question, placement: str, event: AnswerEvent, text: str) -> None:
        """Edits a message if its time has come, for the first words at once; otherwise leaves it for the next event.

        Raises TakenOver.
        """
        channel, _ = place(placement)
        due = time.monotonic() - self._edited.get(placement, float("-inf")) >= EDIT_SECONDS
        first_words = bool(text.strip()) and placement not in self._writing
        if not (due or first_words) or not self._calls.pace.is_free("edit", channel):
            return
        await self.hold(question)
        self._edited[placement] = time.monotonic()
        if first_words:
            self._writing.add(placement)
        try:
            await self._edit(placement, render_working(render_progress(event, text), question.event_id))
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            _log.debug("progress was not shown: %s", error)

    async def finish(
        self, question: Question, placement: str, posts: Sequence[Post], posted: Mapping[int, str] = NOTHING_POSTED
    ) -> list[str]:
        """Puts the final text where the progress was, if anywhere; further parts follow as messages of their own.

        `posted` are the parts that stand there already; those that are left over are deleted. Gives the placements.
        """
        self._edited.pop(placement, None)
        self._writing.discard(placement)
        first = posted.get(0) or placement
        home = await (self._put(question, first, posts[0]) if first else self._begin(question, posts[0]))
        placements = [home]
        for number, post in enumerate(posts[1:], start=1):
            placements += await self._follow(question, home, post, number, posted.get(number, ""))
        for number, left in posted.items():
            if number >= len(placements):
                await self._calls.delete(left)
        self._responses.pop(placement, None)
        return placements

    async def edit(self, placement: str, post: Post) -> None:
        """Edits a message that answers no question."""
        await patiently(lambda: self._calls.edit(placement, post))

    async def delete(self, placement: str) -> None:
        """Deletes a message of ours."""
        await self._calls.delete(placement)

    def where(self, question: Question) -> int:
        """The channel or thread in which the message that asked a question stands."""
        session = question.session
        in_channel = self._hangs(question) or not session.thread.isdecimal()
        return int(session.channel if in_channel else session.thread)

    def link(self, question: Question) -> str:
        """The address of the message that asked a question; "" if none did."""
        asked, guild = message_of(question), question.session.workspace
        guild = "@me" if guild == DIRECT else guild
        return f"https://discord.com/channels/{guild}/{self.where(question)}/{asked}" if asked else ""

    def ping(self, session: SessionKey, who: str) -> tuple[str, discord.AllowedMentions]:
        """What pings a role or a person, and the leave to do so."""
        guild = self._calls.client.get_guild(int(session.workspace)) if session.workspace != DIRECT else None
        role = guild.get_role(int(who)) if guild and who.isdecimal() else None
        if role:
            return role.mention, discord.AllowedMentions(everyone=False, users=False, roles=[role], replied_user=False)
        person = [discord.Object(int(who))] if who.isdecimal() else []
        pinging = discord.AllowedMentions(everyone=False, users=person, roles=False, replied_user=False)
        return f"<@{who}>" if person else "", pinging

    async def _begin(self, question: Question, post: Post) -> str:
        """Posts the first message of an answer, in the thread that its question opens if it does."""
        there = not self._hangs(question) or await self._open_thread(question)
        try:
            return await self.post(question, post, in_thread=there)
        except discord.NotFound:  # the thread of a slash command whose response got lost with a stopped process
            return await self.post(question, post, in_thread=False)

    def _hangs(self, question: Question, placement: str = "") -> bool:
        """Whether the thread of a question is to be opened under it or its answer; a forum's post is one already."""
        parent = self._calls.client.get_channel(int(question.session.channel))
        return opens_thread(question, placement) and not isinstance(parent, discord.ForumChannel)

    async def _open_thread(self, question: Question) -> bool:
        """Whether the thread of a question is there now."""
        session = question.session
        ids = int(session.channel), int(session.workspace), int(session.thread)
        if not self._calls.pace.is_free("thread", ids[0]):
            await self._calls.type_meanwhile(ids[0])  # the sign of life while its thread waits in line
        try:
            await self._calls.open_thread(*ids, render_title(masked(question.text)))
        except discord.HTTPException as error:
            if error.code != THREAD_EXISTS:
                _log.info("no thread can be opened in channel %s: %s", session.channel, error)
                return False
        return True

    async def _put(self, question: Question, placement: str, post: Post, part: int = 0) -> str:
        """Edits a message, or posts anew beside it when it is gone or its thread sleeps; gives the placement."""
        try:
            await patiently(lambda: self._edit(placement, post))
        except discord.HTTPException as error:
            if not isinstance(error, discord.NotFound | discord.Forbidden) and error.code != THREAD_ARCHIVED:
                raise
            return await self._calls.send(place(placement)[0], post, _nonce(question, f"{part}.again"))
        return placement

    async def _edit(self, placement: str, post: Post) -> None:
        """Edits with the bot's own rights, which last; where it has none, with those of the slash command."""
        try:
            await self._calls.edit(placement, post)
        except discord.Forbidden:
            interaction = self._responses.get(placement)
            if interaction is None:
                raise
            await interaction.edit_original_response(content=None, view=layout(post), attachments=attached(post))

    async def _follow(self, question: Question, home: str, post: Post, number: int, stands: str) -> list[str]:
        """Brings a further part; gives its placements, several if what was to come as a file comes as messages."""
        if stands:
            return [await self._put(question, stands, post, number)]
        try:
            return [await self._send_more(question, home, post, number)]
        except discord.Forbidden:
            if not post.file:
                raise
        parts = [Post(post.text, post.below, post.small, post.rows), *post.rest]
        return [await self._send_more(question, home, part, number + n) for n, part in enumerate(parts)]

    async def _send_more(self, question: Question, home: str, post: Post, number: int) -> str:
        """Posts a further part: into the thread under the answer if there is one, otherwise after it."""
        await self.hold(question)
        nonce, beside = _nonce(question, number), place(home)[0]
        thread = int(question.session.thread) if opens_thread(question, home) else beside
        try:
            return await self._calls.send(thread, post, nonce)
        except (discord.NotFound, discord.Forbidden):
            interaction = self._responses.get(home)
            if interaction is None or interaction.is_expired():
                if thread == beside:
                    raise
                return await self._calls.send(beside, post, nonce)
            sent = await interaction.followup.send(view=layout(post), files=attached(post), wait=True)
            return f"{sent.channel.id}:{sent.id}"


def _nonce(question: Question, part: int | str = 0) -> str:
    """The same for the same part of the answer to the same question, and for nothing else."""
    return hashlib.sha256(f"{question.event_id}/{part}".encode()).hexdigest()[:NONCE_LENGTH]
