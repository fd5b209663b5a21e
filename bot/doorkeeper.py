"""Judges what was heard by what holds where it was said: the question to answer, and how.

Comes in: a `Heard`. Goes out: what to do about it, with the question as it is to be asked. Used by the actions of Slack
and Discord; it notes when people talk with each other.
"""

import logging
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from time import monotonic

from bot.hearing import Heard, Response, decide
from core.answering.presence import Presence, address_of
from core.domain.channels import ChannelSettings
from core.domain.conversation import Manner, Question, SessionKey
from core.errors import KnowledgeError, StorageError

BOT_ANSWERS, BOT_SECONDS = 5, 600.0
"""A bot gets so many answers in so many seconds, wherever it asks: another guard against loops."""

MANNERS = {Response.OFFER: Manner.OFFER, Response.DRAFT: Manner.DRAFT}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judged:
    """What to do about what was heard; the question in the mode and manner that hold there."""

    response: Response
    question: Question
    settings: ChannelSettings


class Doorkeeper:
    """Stands before the actions of a chat platform."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._bots: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=BOT_ANSWERS))

    async def judge(self, heard: Heard) -> Judged:
        """What to do; while the database is away, what was said to us is passed on, for its asker to be told."""
        try:
            return await self._judge(heard)
        except StorageError as error:
            _log.warning("what holds in a channel cannot be looked up: %s", error)
            response = Response.ANSWER if heard.addressed else Response.IGNORE
            return Judged(response, heard.question, ChannelSettings())

    async def _judge(self, heard: Heard) -> Judged:
        question = heard.question
        settings = await self.settings(question.session)
        floor = await self._presence.floor(question.session)
        response = decide(heard, settings, floor)
        if response is Response.OVERHEAR:
            await self._presence.overheard(question.session, question.author)
        if response is Response.OFFER and not await self._is_sure(question, settings):
            response = Response.IGNORE
        if heard.bot and response is Response.ANSWER and not self._bears(heard.bot):
            response = Response.IGNORE
        manner = MANNERS.get(response, question.manner)
        return Judged(response, replace(question, mode=settings.mode, manner=manner), settings)

    async def settings(self, session: SessionKey) -> ChannelSettings:
        """What holds where a conversation is held."""
        return await self._presence.settings(address_of(session))

    async def _is_sure(self, question: Question, settings: ChannelSettings) -> bool:
        try:
            return await self._presence.sureness(question.text, settings) >= settings.sure
        except KnowledgeError as error:
            _log.warning("nothing is offered in channel %s: %s", question.session.channel, error)
            return False

    def _bears(self, bot: str) -> bool:
        """Whether a bot may have another answer now."""
        answered = self._bots[bot]
        if len(answered) == BOT_ANSWERS and monotonic() - answered[0] < BOT_SECONDS:
            _log.warning("bot %s asks too often and is not answered for a while", bot)
            return False
        answered.append(monotonic())
        return True
