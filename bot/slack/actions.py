"""What is done about what was heard: a question is stored, answered in its thread, and finished after a restart.

Comes in: `Question`s from the listeners. Goes out: messages through the messenger. Never silent: a failure is told.
"""

import asyncio
import logging
from collections.abc import Coroutine

from slack_bolt.async_app import AsyncRespond
from slack_sdk.errors import SlackApiError

from bot.slack.messenger import Messenger, reason_of
from bot.slack.reader import PLATFORM, Heard, Payload, read_command
from bot.slack.renderer import (
    WAITING,
    render_answer,
    render_failure,
    render_progress,
    render_question,
    render_refusal,
)
from core.answering.service import AnsweringService, check_text
from core.domain.conversation import Answer, Mode, Question
from core.domain.events import Completed, TextDelta
from core.errors import AssistantError

_log = logging.getLogger(__name__)


class Actions:
    """The work behind the listeners; each question is a task, so that the socket is never kept waiting."""

    def __init__(self, service: AnsweringService, messenger: Messenger) -> None:
        self._service = service
        self._messenger = messenger
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, heard: Heard) -> None:
        """Stores a question and starts to answer it; a second delivery does nothing. Returns once it is stored."""
        question = heard.question
        if heard.follow_up and not await self._service.knows(question.session):
            return
        try:
            fresh = await self._service.accept(question)
        except AssistantError as error:
            self._start(self._say(question, render_failure(error)))
            return
        if fresh:
            self._start(self._answer(question))

    def take_command(self, command: Payload, mode: Mode, respond: AsyncRespond) -> None:
        """Starts to answer a slash command in a thread of its own. Raises InputError for text that is no question."""
        check_text(command.get("text") or "")
        self._start(self._answer_command(command, mode, respond))

    async def resume(self) -> None:
        """Finishes what a stopped process left behind: answers in the message already posted, or delivers."""
        for left in await self._service.unfinished(PLATFORM):
            if left.answer:
                self._start(self._deliver(left.question, left.placement, left.answer))
            else:
                self._start(self._answer(left.question, left.placement))

    async def stop(self) -> None:
        """Stops what is being answered; it is resumed at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer_command(self, command: Payload, mode: Mode, respond: AsyncRespond) -> None:
        announced = render_question(command.get("user_name") or "Somebody", command["text"])
        try:
            thread = await self._messenger.announce(command["channel_id"], announced)
        except SlackApiError as error:
            await respond(render_refusal(reason_of(error)))
            return
        await self.take(Heard(read_command(command, thread=thread, mode=mode)))

    async def _answer(self, question: Question, placement: str = "") -> None:
        if not placement:
            placement = await self._messenger.post(question.session, WAITING)
            await self._service.placed(question, placement)
        text = ""
        try:
            async for event in self._service.answer(question):
                if isinstance(event, Completed):
                    await self._deliver(question, placement, event.answer)
                    return
                text += event.text if isinstance(event, TextDelta) else ""
                await self._messenger.show_progress(question.session, placement, render_progress(event, text))
        except AssistantError as error:
            await self._messenger.finish(question.session, placement, [render_failure(error)])

    async def _deliver(self, question: Question, placement: str, answer: Answer) -> None:
        placement = placement or await self._messenger.post(question.session, WAITING)
        await self._messenger.finish(question.session, placement, render_answer(answer))
        await self._service.delivered(question)

    async def _say(self, question: Question, text: str) -> None:
        await self._messenger.post(question.session, text)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(_told(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _told(work: Coroutine[None, None, None]) -> None:
    """Runs a piece of work; what Slack refuses is told to the log, since Slack cannot be told."""
    try:
        await work
    except SlackApiError as error:
        _log.error("Slack refused a message: %s", reason_of(error))
    except Exception:
        _log.exception("an answer for Slack was lost on the way")  # the boundary of a background task
