"""What is done about what was heard: a question is stored, answered in its thread, and finished after a restart.

Comes in: `Question`s from the listeners. Goes out: messages through the messenger. Never silent: a failure is told.
"""

import asyncio
from collections.abc import Mapping

from slack_bolt.async_app import AsyncRespond
from slack_sdk.errors import SlackApiError

from bot.rendering import WAITING
from bot.slack.messenger import NOTHING_POSTED, OUT_OF_REACH, Messenger, is_passing, reason_of
from bot.slack.reader import PLATFORM, Heard, Payload, read_command
from bot.slack.renderer import (
    render_answer,
    render_failure,
    render_progress,
    render_question,
    render_refusal,
    render_stopped,
)
from bot.work import Work
from core.answering.service import AnsweringService, check_text
from core.domain.conversation import Answer, Asked, Mode, Question
from core.domain.events import Completed, TextDelta
from core.errors import AssistantError, TurnStopped

COMMAND_SECONDS = 2.5
"""How long a slash command is kept open for its question to be stored; Slack waits for three."""

RESUMING = "resuming"


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

    async def take_command(self, command: Payload, mode: Mode, respond: AsyncRespond) -> None:
        """Stores the question of a slash command and starts to answer it in a thread of its own.

        Returns once it is stored, or as long as Slack waits. Raises InputError for text that is no question.
        """
        check_text(command.get("text") or "")
        await asyncio.wait([self._work.start(self._answer_command(command, mode, respond))], timeout=COMMAND_SECONDS)

    async def take_stop(self, event_id: str, person: str, respond: AsyncRespond) -> None:
        """Stops an answer, if the person asked for it; others are told so, alone."""
        try:
            await self._service.stop(event_id, person)
        except AssistantError as error:
            await respond(text=render_failure(error), response_type="ephemeral", replace_original=False)

    def resume(self) -> None:
        """Begins to finish what processes that are gone left behind, now and as long as this one runs."""
        self._work.keep(self._resume(), RESUMING)

    async def stop(self) -> None:
        """Stops what is being answered; it is resumed at the next start."""
        await self._work.stop()

    async def _resume(self) -> None:
        async for left in self._service.left_behind(PLATFORM):
            self._work.start(self._finish(left))  # even while it is delivered again, which will find it stored

    async def _finish(self, left: Asked) -> None:
        """Answers a question that was left behind, in the message already posted; or delivers its answer."""
        posted = await self._messenger.posted(left.question)
        placement = left.placement or posted.get(0, "")
        if left.answer:
            await self._deliver(left.question, placement, left.answer, posted)
        else:
            await self._answer(left.question, placement, posted)

    async def _answer_command(self, command: Payload, mode: Mode, respond: AsyncRespond) -> None:
        announced = render_question(command.get("user_name") or "Somebody", command["text"])
        try:
            thread = await self._messenger.announce(command["channel_id"], announced)
        except SlackApiError as error:
            await respond(render_refusal(reason_of(error)))
            return
        await self.take(Heard(read_command(command, thread=thread, mode=mode)))

    async def _answer(
        self, question: Question, placement: str = "", posted: Mapping[int, str] = NOTHING_POSTED
    ) -> None:
        placement = placement or await self._open(question)
        text = ""
        try:
            async for event in self._service.answer(question):
                if isinstance(event, Completed):
                    await self._deliver(question, placement, event.answer, posted)
                    return
                text += event.text if isinstance(event, TextDelta) else ""
                if placement:
                    await self._messenger.show_progress(question, placement, render_progress(event, text))
        except TurnStopped:
            await self._messenger.finish(question, placement, [render_stopped(text)])
        except AssistantError as error:
            await self._messenger.finish(question, placement, [render_failure(error)])

    async def _open(self, question: Question) -> str:
        """Gives a sign of life and remembers where it stands; "" when Slack is out of reach for the moment."""
        try:
            placement = await self._messenger.open(question, WAITING)
        except OUT_OF_REACH:
            return ""
        except SlackApiError as error:
            if not is_passing(error):
                await self._service.give_up(question, f"Slack does not let us post there ({reason_of(error)}).")
            raise
        await self._service.placed(question, placement)
        return placement

    async def _deliver(self, question: Question, placement: str, answer: Answer, posted: Mapping[int, str]) -> None:
        await self._messenger.finish(question, placement, render_answer(answer), posted)
        await self._service.delivered(question)

    async def _say(self, question: Question, text: str) -> None:
        await self._messenger.post(question, text)
