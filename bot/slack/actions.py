"""What is done about what was heard: a question is stored, answered in its thread, and finished after a restart.

Comes in: what was `Heard`, from the listeners. Goes out: messages through the messenger. Never silent: a failure is
told.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from slack_bolt.async_app import AsyncRespond
from slack_sdk.errors import SlackApiError

from bot.doorkeeper import Doorkeeper
from bot.hearing import Heard, Response, Reworded
from bot.rendering import LIMITED
from bot.slack.delivery import Delivery, first
from bot.slack.failures import OUT_OF_REACH, is_passing, reason_of
from bot.slack.files import Files
from bot.slack.home import Home
from bot.slack.messenger import NOTHING_POSTED, Messenger
from bot.slack.reader import PLATFORM, Payload, read_command, read_stamp
from bot.slack.renderer import render_failure, render_notice, render_stopped
from bot.work import Work
from core.answering.service import AnsweringService, check_text
from core.domain.conversation import Asked, Manner, Mode, Question
from core.domain.events import Completed, TextDelta
from core.domain.turn_context import working_on
from core.errors import AssistantError, QuestionGone, TurnStopped

STORE_SECONDS = 2.5
"""How long Slack is kept waiting for a question to be stored; it waits for three."""

RESUMING = "resuming"
THANKED = "+1"


class Actions:
    """The work behind the listeners; each question is a task, so that the socket is never kept waiting."""

    def __init__(
        self,
        service: AnsweringService,
        doorkeeper: Doorkeeper,
        messenger: Messenger,
        delivery: Delivery,
        *,
        files: Files,
        home: Home,
    ) -> None:
        self._service = service
        self._doorkeeper = doorkeeper
        self._messenger = messenger
        self._delivery = delivery
        self._files = files
        self._home = home
        self._refused: set[tuple[str, str]] = set()
        self._work = Work("Slack", SlackApiError)

    async def take(self, heard: Heard) -> Response:
        """Judges what was said and does what is to be done about it. Returns that, once a question is stored.

        Files are waited for as long as Slack waits for us; then they are fetched behind its back.
        """
        judged = await self._doorkeeper.judge(heard)
        question = judged.question
        if heard.direct and question.session.thread and judged.response is Response.ANSWER:
            self._work.start(self._home.begin(question))
        match judged.response:
            case Response.ANSWER | Response.OFFER | Response.DRAFT if heard.uploads:
                taking = self._work.start(self._take_with_files(question, heard))
                await asyncio.wait([taking], timeout=STORE_SECONDS)
            case Response.ANSWER | Response.OFFER | Response.DRAFT:
                await self.accept(question)
            case Response.ACKNOWLEDGE:
                self._work.start(self._messenger.react(question.session, read_stamp(question), THANKED))
            case Response.STOP:
                await self._service.stop_all(question.session, question.author)
            case Response.REFUSE:
                self._refuse(question)
            case Response.IGNORE | Response.OVERHEAR:
                pass
        return judged.response

    async def accept(self, question: Question) -> None:
        """Stores a question and starts to answer it; a second delivery does nothing. Returns once it is stored."""
        if not self._work.claim(question.event_id):
            return
        try:
            await self._store(question)
        except AssistantError as error:
            self._work.start(self._tell(question, error), question)

    async def answer(self, question: Question) -> None:
        """As `accept`, of a question that nobody asks just now: why it cannot be stored is raised, not told."""
        if not self._work.claim(question.event_id):
            return
        try:
            await self._store(question)
        except AssistantError:
            self._work.release(question.event_id)
            raise

    async def take_command(self, command: Payload, mode: Mode, respond: AsyncRespond) -> None:
        """Stores the question of a slash command and starts to answer it, for its asker alone.

        Returns once it is stored, or as long as Slack waits. Raises InputError for text that is no question.
        """
        check_text(command.get("text") or "")
        question = read_command(command, mode=mode)
        self._delivery.expect(question, respond)
        await asyncio.wait([self._work.start(self.accept(question))], timeout=STORE_SECONDS)

    async def take_missed(self, heard: Heard) -> None:
        """Takes what was said while nobody listened, unless it was taken before, reworded since or not."""
        if await self._service.standing(heard.question.event_id) is None:
            await self.take(heard)

    async def reword(self, reworded: Reworded) -> None:
        """Answers a question anew that was reworded, where its answer stands; a new mention is a new question."""
        asked = await self._service.standing(reworded.event_id)
        if asked is None:
            if reworded.heard.mentioned:
                await self.take(reworded.heard)
            return
        before = asked.question
        question = replace(
            reworded.heard.question, mode=before.mode, manner=before.manner, attachments=before.attachments
        )
        posted = await self._messenger.posted(asked.question)
        try:
            check_text(question.text)
        except AssistantError as error:
            notice = render_notice(render_failure(error))
            self._work.start(self._messenger.whisper(question.session, question.author, notice))
            return
        await self._work.drop(asked.question.event_id)
        try:
            changed = await self._service.revise(reworded.event_id, question)
        except AssistantError as error:
            self._work.start(self._tell(question, error))
            return
        if changed and self._work.claim(question.event_id):
            await self._delivery.reopen(question, asked.placement)
            self._work.start(self._answer(question, asked.placement, posted), question)

    async def forget(self, event_id: str) -> None:
        """Deletes the answer to a question that was deleted, unless the channel wants to keep it."""
        asked = await self._service.standing(event_id)
        if asked is None or not (await self._doorkeeper.settings(asked.question.session)).delete_answers:
            return
        await self._work.drop(asked.question.event_id)
        posted = await self._messenger.posted(asked.question)
        await self._service.withdraw(event_id)
        await self._delivery.remove(asked.question, asked.placement, posted)

    async def take_stop(self, event_id: str, person: str) -> None:
        """Stops an answer. Raises InputError unless the person asked for it."""
        await self._service.stop(event_id, person)

    def resume(self) -> None:
        """Begins to finish what processes that are gone left behind, now and as long as this one runs."""
        self._work.keep(self._resume(), RESUMING)

    async def stop(self) -> None:
        """Stops what is being answered; it is resumed at the next start."""
        await self._work.stop()

    async def _resume(self) -> None:
        async for left in self._service.left_behind(PLATFORM):
            with working_on(left.question):
                self._work.start(self._finish(left))  # even while it is delivered again, which will find it stored

    async def _finish(self, left: Asked) -> None:
        """Answers a question that was left behind, in the message already posted; or delivers its answer."""
        shown = left.question.manner in {Manner.REPLY, Manner.OFFER}
        posted = await self._messenger.posted(left.question) if shown else NOTHING_POSTED
        placement = left.placement or posted.get(0, "")
        if left.answer:
            await self._delivery.deliver(left.question, placement, left.answer, posted)
        else:
            await self._answer(left.question, placement, posted)

    async def _store(self, question: Question) -> None:
        if await self._service.accept(question):
            self._work.start(self._answer(question), question)
        else:
            self._work.release(question.event_id)

    async def _take_with_files(self, question: Question, heard: Heard) -> None:
        attachments = await self._files.fetch(question.session.workspace, heard.uploads)
        await self.accept(replace(question, attachments=attachments))

    async def _answer(
        self, question: Question, placement: str = "", posted: Mapping[int, str] = NOTHING_POSTED
    ) -> None:
        placement = placement or await self._open(question)
        text = ""
        try:
            async for event in self._service.answer(question):
                if isinstance(event, Completed):
                    if not placement and question.manner is Manner.REPLY:  # its sign of life may stand there unknown
                        posted = await self._messenger.posted(question)
                    await self._delivery.deliver(question, placement or posted.get(0, ""), event.answer, posted)
                    return
                text += event.text if isinstance(event, TextDelta) else ""
                if placement and question.manner is Manner.REPLY:
                    await self._messenger.show_progress(question, first(placement), event, text)
        except QuestionGone:
            await self._delivery.remove(question, placement, posted)
        except TurnStopped:
            await self._delivery.end(question, placement, render_stopped(text), posted)
        except AssistantError as error:
            await self._delivery.end(question, placement, render_notice(render_failure(error)), posted)

    async def _open(self, question: Question) -> str:
        """Gives a sign of life and remembers where it stands; "" when Slack is out of order for the moment."""
        if question.manner is not Manner.REPLY:
            return ""
        try:
            placement = await self._messenger.open(question)
        except OUT_OF_REACH:
            return ""
        except SlackApiError as error:
            if is_passing(error):
                return ""
            await self._service.give_up(question, f"Slack does not let us post there ({reason_of(error)}).")
            raise
        await self._service.placed(question, placement)
        return placement

    async def _tell(self, question: Question, error: AssistantError) -> None:
        await self._delivery.end(question, "", render_notice(render_failure(error)))

    def _refuse(self, question: Question) -> None:
        """Tells somebody who may not ask in a channel so, once."""
        who = (question.session.channel, question.author)
        if who not in self._refused:
            self._refused.add(who)
            notice = render_notice(LIMITED)
            self._work.start(self._messenger.whisper(question.session, question.author, notice))
