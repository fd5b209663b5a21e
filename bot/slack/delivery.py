"""Brings answers to people: into the thread, to the asker alone, or to the maintainers, as the question wants it.

Comes in: questions with their answers, and where something stands already. Goes out: messages through the messenger,
and the note that it was done. Used by the actions.
"""

import logging
from collections.abc import Mapping

from opentelemetry import trace
from slack_bolt.async_app import AsyncRespond

from bot.slack.failures import OUT_OF_REACH
from bot.slack.messenger import NOTHING_POSTED, Messenger
from bot.slack.reader import is_stamp, read_stamp
from bot.slack.renderer import Post, render_answer, render_decided, render_draft, render_private, render_question
from core.answering.aftercare import Aftercare
from core.answering.presence import Presence
from core.answering.service import AnsweringService
from core.domain.channels import Draft, DraftState
from core.domain.conversation import Answer, Manner, Question, SessionKey, Told

_log = logging.getLogger(__name__)
_tracer = trace.get_tracer(__name__)


class Delivery:
    """The last step of a turn."""

    def __init__(
        self, service: AnsweringService, presence: Presence, aftercare: Aftercare, messenger: Messenger
    ) -> None:
        self._service = service
        self._presence = presence
        self._aftercare = aftercare
        self._messenger = messenger
        self._responses: dict[str, AsyncRespond] = {}

    def expect(self, question: Question, respond: AsyncRespond) -> None:
        """Remembers how the asker of a slash command can be answered alone."""
        self._responses[question.event_id] = respond

    async def reopen(self, question: Question, placement: str) -> None:
        """Shows that a reworded question is looked into again, where its answer stands."""
        if placement and question.manner is Manner.REPLY:
            await self._messenger.reopen(question, first(placement))

    @_tracer.start_as_current_span("deliver")
    async def deliver(self, question: Question, placement: str, answer: Answer, posted: Mapping[int, str]) -> None:
        """Brings an answer to where its question wants it, and notes that. Raises TakenOver."""
        await self._messenger.hold(question)
        if await self._service.is_gone(question):
            await self.remove(question, placement, posted)
            return
        match question.manner:
            case Manner.PRIVATE:
                await self._answer_alone(question, render_private(answer))
            case Manner.DRAFT:
                await self._draft(question, answer)
            case Manner.OFFER if not answer.covered:
                await self._service.withdraw(question.event_id)
                await self.remove(question, placement, posted)  # of the offer before it was reworded
                return
            case _:
                places = await self._messenger.finish(question, first(placement), render_answer(answer), posted)
                if places != placement.split():
                    await self._service.placed(question, " ".join(places))
        await self._service.delivered(question)

    async def remove(self, question: Question, placement: str, posted: Mapping[int, str] = NOTHING_POSTED) -> None:
        """Takes away what stands for a question: it was deleted, or its offer is not wanted."""
        for ts in dict.fromkeys([*placement.split(), *posted.values()]):
            await self._messenger.delete(question.session, ts)

    async def end(
        self, question: Question, placement: str, post: Post, posted: Mapping[int, str] = NOTHING_POSTED
    ) -> None:
        """Says what became of a question without an answer; offers and drafts end without a word. Raises TakenOver."""
        await self._messenger.hold(question)
        if question.manner is Manner.PRIVATE:
            await self._answer_alone(question, post)
        elif question.manner is Manner.REPLY:
            await self._messenger.finish(question, first(placement), [post], posted)

    async def publish(
        self, question: Question, answer: Answer, asker: str, posted: Mapping[int, str] = NOTHING_POSTED
    ) -> SessionKey:
        """Posts an answer for all to see: in the thread of its question, or one of its own; gives the conversation."""
        await self._service.take_on(question)
        session = question.session
        if not (read_stamp(question) or is_stamp(session.thread)):
            thread = await self._messenger.announce(session, render_question(asker, question.text))
            session = SessionKey(session.platform, session.workspace, session.channel, thread)
        shared = Question(session, question.text, question.event_id, question.author, question.mode)
        await self._messenger.finish(shared, "", render_answer(answer), posted)
        return session

    async def settle(self, told: Told, draft: Draft, person: str) -> None:
        """Carries out the decision on a draft: posts it if that was wished, once, and says so where it is shown."""
        question, posted = told.question, draft.state is DraftState.POSTED
        if posted:
            stands = await self._messenger.posted(question)
            await self.publish(question, told.answer, question.author, stands)
        channel, _, ts = draft.placement.partition(":")
        shown = (await self._drafted(question, told.answer)).text
        place = SessionKey(question.session.platform, question.session.workspace, channel, "")
        await self._messenger.edit(place, ts, Post(shown, render_decided(shown, person, posted=posted)))

    async def _answer_alone(self, question: Question, post: Post) -> None:
        """Answers where the command was used; after a restart, or when that was long ago, with a message of its own."""
        respond = self._responses.pop(question.event_id, None)
        if respond:
            try:
                reply = await respond(text=post.text, blocks=post.blocks, replace_original=True)
                if reply.status_code < 300:  # noqa: PLR2004
                    return
            except OUT_OF_REACH as error:
                _log.warning("a command could not be answered in its own place: %s", error)
        place = SessionKey(question.session.platform, question.session.workspace, question.session.channel, "")
        await self._messenger.whisper(place, question.author, post)

    async def _draft(self, question: Question, answer: Answer) -> None:
        settings = await self._presence.rules(question.session)
        if not settings.maintainers:
            _log.warning("a draft for channel %s goes nowhere: set `maintainers`", question.session.channel)
            return
        if await self._aftercare.draft_of(answer.message_id):
            return
        post = await self._drafted(question, answer)
        ts = await self._messenger.say(question.session, post, settings.maintainers)
        await self._aftercare.draft(answer.message_id, f"{settings.maintainers}:{ts}")

    async def _drafted(self, question: Question, answer: Answer) -> Post:
        """A draft as the maintainers see it."""
        link = await self._messenger.link(question.session, read_stamp(question)) if read_stamp(question) else ""
        return render_draft(question, answer, link)


def first(placement: str) -> str:
    """The first message of an answer."""
    return placement.partition(" ")[0]
