"""Brings answers to people: where it was asked, to the asker alone, or to the maintainers, as the question wants it.

Comes in: questions with their answers, and where something stands already. Goes out: messages through the messenger,
and the note that it was done. Used by the actions.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import discord
from opentelemetry import trace

from bot.discord.layout import layout
from bot.discord.messenger import NOTHING_POSTED, Messenger
from bot.discord.reader import message_of, places
from bot.discord.renderer import Post, render_answer, render_decided, render_draft, render_private, render_question
from core.answering.aftercare import Aftercare
from core.answering.presence import Presence
from core.answering.service import AnsweringService
from core.domain.channels import Draft, DraftState
from core.domain.conversation import Answer, Manner, Question, SessionKey, Told

_log = logging.getLogger(__name__)
_tracer = trace.get_tracer(__name__)


@dataclass(frozen=True)
class Stage:
    """Where an answer is shared: a channel, and its server unless it is a direct message; a thread opens no other."""

    channel: int
    guild: int | None
    in_thread: bool = False


class Delivery:
    """The last step of a turn."""

    def __init__(
        self, service: AnsweringService, presence: Presence, aftercare: Aftercare, messenger: Messenger
    ) -> None:
        self._service = service
        self._presence = presence
        self._aftercare = aftercare
        self._messenger = messenger
        self._responses: dict[str, discord.Interaction] = {}

    def expect(self, question: Question, interaction: discord.Interaction) -> None:
        """Remembers how the asker of a private command can be answered alone."""
        self._responses[question.event_id] = interaction

    @_tracer.start_as_current_span("deliver")
    async def deliver(self, question: Question, placement: str, answer: Answer, posted: Mapping[int, str]) -> None:
        """Brings an answer to where its question wants it, and notes that. Raises TakenOver."""
        await self._messenger.hold(question)
        if await self._service.is_gone(question):
            await self.remove(placement, posted)
            return
        match question.manner:
            case Manner.PRIVATE:
                await self._answer_alone(question, render_private(answer))
            case Manner.DRAFT:
                await self._draft(question, answer)
            case Manner.OFFER if not answer.covered:
                await self._service.withdraw(question.event_id)
                await self.remove(placement, posted)  # of what was offered before it was reworded
                return
            case _:
                stand = await self._messenger.finish(question, placement, render_answer(answer), posted)
                if [placement] != stand:
                    await self._service.placed(question, " ".join(stand))
        await self._service.delivered(question)

    async def remove(self, placement: str, posted: Mapping[int, str] = NOTHING_POSTED) -> None:
        """Takes away what stands for a question: it was deleted, or its offer is not wanted."""
        for stands in dict.fromkeys([*placement.split(), *posted.values()]):
            await self._messenger.delete(stands)

    async def end(
        self, question: Question, placement: str, post: Post, posted: Mapping[int, str] = NOTHING_POSTED
    ) -> None:
        """Says what became of a question without an answer; offers and drafts end without a word. Raises TakenOver."""
        await self._messenger.hold(question)
        if question.manner is Manner.PRIVATE:
            await self._answer_alone(question, post)
        elif question.manner is Manner.REPLY:
            await self._messenger.finish(question, placement, [post], posted)

    async def publish(self, question: Question, answer: Answer, posted: Mapping[int, str] = NOTHING_POSTED) -> None:
        """Posts a draft under its question, for all to see."""
        await self._service.take_on(question)
        stand = await self._messenger.finish(question, "", render_answer(answer), posted)
        await self._service.placed(question, " ".join(stand))

    async def settle(self, told: Told, draft: Draft, person: str) -> None:
        """Carries out the decision on a draft: posts it if that was wished, once, and says so where it is shown."""
        posted = draft.state is DraftState.POSTED
        if posted:
            asked = await self._service.standing(told.question.event_id)
            await self.publish(told.question, told.answer, places(asked.placement) if asked else NOTHING_POSTED)
        shown = self._drafted(told.question, told.answer).text
        await self._messenger.edit(draft.placement, render_decided(shown, person, posted=posted))

    async def share(self, question: Question, answer: Answer, asker: str, stage: Stage) -> SessionKey:
        """Posts a private answer for all to see, in a thread of its own where there can be one; gives its address."""
        asked = render_question(asker, question.text)
        session = question.session
        new = None
        if stage.in_thread:
            await self._messenger.say(stage.channel, asked)
        else:
            new = await self._messenger.announce(stage.channel, asked, question.text, stage.guild)
        for post in render_answer(answer):
            await self._messenger.say(int(new.thread) if new else stage.channel, post)
        thread = str(stage.channel) if stage.in_thread else ""
        return new or SessionKey(session.platform, session.workspace, session.channel, thread)

    async def _answer_alone(self, question: Question, post: Post) -> None:
        """Answers where the command was used; after a restart, or when that was long ago, with a direct message."""
        interaction = self._responses.pop(question.event_id, None)
        if interaction and not interaction.is_expired():
            try:
                await interaction.edit_original_response(view=layout(post))
            except discord.HTTPException as error:
                _log.warning("a command could not be answered in its own place: %s", error)
            else:
                return
        await self._messenger.whisper(question.author, post)

    async def _draft(self, question: Question, answer: Answer) -> None:
        settings = await self._presence.rules(question.session)
        if not settings.maintainers.isdecimal():
            _log.warning("a draft for channel %s goes nowhere: set `maintainers`", question.session.channel)
            return
        if await self._aftercare.draft_of(answer.message_id):
            return
        placement = await self._messenger.say(int(settings.maintainers), self._drafted(question, answer))
        await self._aftercare.draft(answer.message_id, placement)

    def _drafted(self, question: Question, answer: Answer) -> Post:
        """A draft as the maintainers see it."""
        return render_draft(question, answer, self._messenger.link(question) if message_of(question) else "")
