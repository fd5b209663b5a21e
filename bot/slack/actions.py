"""What is done about what was heard: a question is stored, answered in its thread, and finished after a restart.

Comes in: `Question`s from the listeners. Goes out: messages through the messenger. Never silent: a failure is told.
"""

from slack_bolt.async_app import AsyncRespond
from slack_sdk.errors import SlackApiError

from bot.rendering import WAITING
from bot.slack.messenger import OUT_OF_REACH, Messenger, is_passing, reason_of
from bot.slack.reader import PLATFORM, Heard, Payload, read_command
from bot.slack.renderer import (
    render_answer,
    render_failure,
    render_progress,
    render_question,
    render_refusal,
)
from bot.work import Work
from core.answering.service import AnsweringService, check_text
from core.domain.conversation import Answer, Mode, Question
from core.domain.events import Completed, TextDelta
from core.errors import AssistantError


class Actions:
    """The work behind the listeners; each question is a task, so that the socket is never kept waiting."""

    def __init__(self, service: AnsweringService, messenger: Messenger) -> None:
        self._service = service
        self._messenger = messenger
        self._work = Work("Slack", SlackApiError)

    async def take(self, heard: Heard) -> None:
        """Stores a question and starts to answer it; a second delivery does nothing. Returns once it is stored."""
        question = heard.question
        if heard.follow_up and not await self._service.knows(question.session):
            return
        if not self._work.claim(question.event_id):
            return
        try:
            fresh = await self._service.accept(question)
        except AssistantError as error:
            self._work.start(self._say(question, render_failure(error)), question.event_id)
            return
        if fresh:
            self._work.start(self._answer(question), question.event_id)
        else:
            self._work.release(question.event_id)

    def take_command(self, command: Payload, mode: Mode, respond: AsyncRespond) -> None:
        """Starts to answer a slash command in a thread of its own. Raises InputError for text that is no question."""
        check_text(command.get("text") or "")
        self._work.start(self._answer_command(command, mode, respond))

    async def resume(self) -> None:
        """Finishes what a stopped process left behind: answers in the message already posted, or delivers."""
        for left in await self._service.unfinished(PLATFORM):
            question = left.question
            if not self._work.claim(question.event_id):
                continue  # it was asked a moment ago
            if left.answer:
                self._work.start(self._deliver(question, left.placement, left.answer), question.event_id)
            else:
                self._work.start(self._answer(question, left.placement), question.event_id)

    async def stop(self) -> None:
        """Stops what is being answered; it is resumed at the next start."""
        await self._work.stop()

    async def _answer_command(self, command: Payload, mode: Mode, respond: AsyncRespond) -> None:
        announced = render_question(command.get("user_name") or "Somebody", command["text"])
        try:
            thread = await self._messenger.announce(command["channel_id"], announced)
        except SlackApiError as error:
            await respond(render_refusal(reason_of(error)))
            return
        await self.take(Heard(read_command(command, thread=thread, mode=mode)))

    async def _answer(self, question: Question, placement: str = "") -> None:
        placement = placement or await self._open(question)
        text = ""
        try:
            async for event in self._service.answer(question):
                if isinstance(event, Completed):
                    await self._deliver(question, placement, event.answer)
                    return
                text += event.text if isinstance(event, TextDelta) else ""
                if placement:
                    await self._messenger.show_progress(question.session, placement, render_progress(event, text))
        except AssistantError as error:
            await self._messenger.finish(question.session, placement, [render_failure(error)])

    async def _open(self, question: Question) -> str:
        """Gives a sign of life and remembers where it stands; "" when Slack is out of reach for the moment."""
        try:
            placement = await self._messenger.post(question.session, WAITING)
        except OUT_OF_REACH:
            return ""
        except SlackApiError as error:
            if not is_passing(error):
                await self._service.give_up(question, f"Slack does not let us post there ({reason_of(error)}).")
            raise
        await self._service.placed(question, placement)
        return placement

    async def _deliver(self, question: Question, placement: str, answer: Answer) -> None:
        await self._messenger.finish(question.session, placement, render_answer(answer))
        await self._service.delivered(question)

    async def _say(self, question: Question, text: str) -> None:
        await self._messenger.post(question.session, text)
