"""What is done about what was heard: a question is stored, answered where it was asked, and finished after a restart.

Comes in: `Question`s and commands from the listeners. Goes out: messages through the messenger. Never silent: a failure
is told.
"""

import discord

from bot.discord.messenger import Messenger
from bot.discord.reader import PLATFORM, Heard, opens_thread, read_command, read_session
from bot.discord.renderer import (
    NEEDS_MENTION,
    render_answer,
    render_failure,
    render_forgotten,
    render_progress,
    render_refusal,
    render_stopped,
)
from bot.rendering import WAITING
from bot.work import Work
from core.answering.service import AnsweringService
from core.domain.conversation import Answer, Asked, Mode, Question, SessionKey
from core.domain.events import Completed, TextDelta
from core.errors import AssistantError, TurnStopped

RESUMING = "resuming"


class Actions:
    """The work behind the listeners; each question is a task, so that the gateway is never kept waiting."""

    def __init__(self, service: AnsweringService, messenger: Messenger) -> None:
        self._service = service
        self._messenger = messenger
        self._work = Work("Discord", discord.HTTPException)
        self._asked_for_mention: set[SessionKey] = set()

    async def take(self, heard: Heard) -> None:
        """Stores a question and starts to answer it; a second delivery does nothing. Returns once it is stored."""
        question = heard.question
        if heard.follow_up and not await self._service.knows(question.session):
            return
        if heard.readable:
            await self._take(question, "")
        elif question.session not in self._asked_for_mention:
            self._asked_for_mention.add(question.session)
            self._work.start(self._say(question, "", NEEDS_MENTION))

    async def take_command(self, interaction: discord.Interaction, text: str, mode: Mode) -> None:
        """Stores the question of a slash command and starts to answer it in the response."""
        placement = await self._messenger.defer(interaction)
        await self._take(read_command(interaction, text, mode=mode, answer=placement), placement)

    async def reset(self, interaction: discord.Interaction) -> None:
        """Forgets the conversation in which /reset was used."""
        placement = await self._messenger.defer(interaction)
        try:
            said = render_forgotten(await self._service.forget(read_session(interaction)))
        except AssistantError as error:
            said = render_failure(error)
        await self._messenger.respond(interaction, placement, said)

    async def take_stop(self, interaction: discord.Interaction, event_id: str) -> None:
        """Stops an answer, if the person asked for it; others are told so, alone."""
        try:
            await self._service.stop(event_id, str(interaction.user.id))
        except AssistantError as error:
            await interaction.response.send_message(render_failure(error), ephemeral=True)
        else:
            await interaction.response.defer()

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
        placement = left.placement or await self._messenger.posted(left.question)
        if left.answer:
            await self._deliver(left.question, placement, left.answer)
        else:
            await self._answer(left.question, placement)

    async def _take(self, question: Question, placement: str) -> None:
        if not self._work.claim(question.event_id):
            return
        try:
            fresh = await self._service.accept(question)
        except AssistantError as error:
            self._work.start(self._say(question, placement, render_failure(error)), question.event_id)
            return
        if fresh:
            self._work.start(self._answer_first(question, placement), question.event_id)
        else:
            self._work.release(question.event_id)

    async def _answer_first(self, question: Question, placement: str) -> None:
        """Answers a new question; where we may not post, its asker is told in private."""
        try:
            await self._answer(question, placement)
        except discord.Forbidden as error:
            await self._service.give_up(question, f"Discord does not let us post there: {error.text}")
            await self._messenger.whisper(question.author, render_refusal(error.text))

    async def _answer(self, question: Question, placement: str) -> None:
        placement = await self._open(question, placement)
        text = ""
        try:
            async for event in self._service.answer(question):
                if isinstance(event, Completed):
                    await self._deliver(question, placement, event.answer)
                    return
                text += event.text if isinstance(event, TextDelta) else ""
                await self._messenger.show_progress(question, placement, render_progress(event, text))
        except TurnStopped:
            await self._messenger.finish(question, placement, [render_stopped(text)])
        except AssistantError as error:
            await self._messenger.finish(question, placement, [render_failure(error)])

    async def _deliver(self, question: Question, placement: str, answer: Answer) -> None:
        placement = placement or await self._open(question, "")
        await self._messenger.finish(question, placement, render_answer(answer))
        await self._service.delivered(question)

    async def _open(self, question: Question, placement: str) -> str:
        """Gives a sign of life and remembers where it stands."""
        if placement:
            await self._service.placed(question, placement)
        opened = await self._messenger.open(question, placement, WAITING)
        if opened != placement:
            await self._service.placed(question, opened)
        return opened

    async def _say(self, question: Question, placement: str, text: str) -> None:
        if placement:
            await self._messenger.finish(question, placement, [text])
        else:
            await self._messenger.post(question, text, in_thread=not opens_thread(question))
