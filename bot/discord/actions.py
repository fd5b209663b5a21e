"""What is done about what was heard: a question is stored, answered where it was asked, and finished after a restart.

Comes in: what was `Heard` and commands, from the listeners. Goes out: messages through the messenger. Never silent: a
failure is told.
"""

from collections.abc import Mapping
from dataclasses import replace

import discord

from bot.discord.delivery import Delivery
from bot.discord.files import Files
from bot.discord.messenger import NOTHING_POSTED, Messenger
from bot.discord.reader import PLATFORM, places, read_command, read_session
from bot.discord.renderer import (
    NEEDS_MENTION,
    render_failure,
    render_forgotten,
    render_notice,
    render_refusal,
    render_stopped,
)
from bot.doorkeeper import Doorkeeper
from bot.hearing import Heard, Response, Reworded
from bot.rendering import LIMITED
from bot.work import Work
from core.answering.masking import masked
from core.answering.service import AnsweringService, check_text
from core.domain.conversation import Asked, Manner, Mode, Question, SessionKey
from core.domain.events import Completed, TextDelta
from core.domain.turn_context import working_on
from core.errors import AssistantError, QuestionGone, TurnStopped

RESUMING = "resuming"
THANKED = "👍"
ASKING = "?"


class Actions:
    """The work behind the listeners; each question is a task, so that the gateway is never kept waiting."""

    def __init__(
        self,
        service: AnsweringService,
        doorkeeper: Doorkeeper,
        messenger: Messenger,
        delivery: Delivery,
        *,
        files: Files,
    ) -> None:
        self._service = service
        self._doorkeeper = doorkeeper
        self._messenger = messenger
        self._delivery = delivery
        self._files = files
        self._refused: set[tuple[str, str]] = set()
        self._asked_for_mention: set[SessionKey] = set()
        self._work = Work("Discord", discord.HTTPException)

    async def take(self, heard: Heard) -> Response:
        """Judges what was said and does what is to be done about it. Returns that, once a question is stored."""
        if not heard.readable:
            await self._ask_for_mention(heard)
            return Response.IGNORE
        judged = await self._doorkeeper.judge(heard)
        question = judged.question
        match judged.response:
            case Response.ANSWER | Response.OFFER | Response.DRAFT:
                attachments = await self._files.fetch(heard.uploads) if heard.uploads else ()
                await self.accept(replace(question, attachments=attachments))
            case Response.ACKNOWLEDGE:
                self._work.start(self._messenger.react(question, THANKED))
            case Response.STOP:
                await self._service.stop_all(question.session, question.author)
            case Response.REFUSE:
                self._refuse(question)
            case Response.IGNORE | Response.OVERHEAR:
                pass
        return judged.response

    async def accept(self, question: Question, placement: str = "") -> None:
        """Stores a question and starts to answer it; a second delivery does nothing. Returns once it is stored."""
        if not self._work.claim(question.event_id):
            return
        try:
            await self._store(question, placement)
        except AssistantError as error:
            self._work.start(self._tell(question, placement, error), question)

    async def answer(self, question: Question) -> None:
        """As `accept`, of a question that nobody asks just now: why it cannot be stored is raised, not told."""
        if not self._work.claim(question.event_id):
            return
        try:
            await self._store(question, "")
        except AssistantError:
            self._work.release(question.event_id)
            raise

    async def take_command(
        self, interaction: discord.Interaction, text: str, mode: Mode, *, private: bool = False
    ) -> None:
        """Stores the question of a slash command and starts to answer it in the response."""
        placement = await self._messenger.defer(interaction, ephemeral=private)
        question = read_command(interaction, text, mode=mode, answer=placement, private=private)
        if private:
            self._delivery.expect(question, interaction)
        await self.accept(question, "" if private else placement)

    async def reset(self, interaction: discord.Interaction) -> None:
        """Forgets the conversation in which /reset was used."""
        placement = await self._messenger.defer(interaction)
        try:
            said = render_forgotten(await self._service.forget(read_session(interaction)))
        except AssistantError as error:
            said = render_failure(error)
        await self._messenger.respond(interaction, placement, said)

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
        question = replace(reworded.heard.question, mode=asked.question.mode, manner=asked.question.manner)
        if masked(question.text) == asked.question.text:
            return  # Discord also tells of pins and of files that were taken away
        question = replace(question, attachments=asked.question.attachments)
        posted = places(asked.placement) or await self._messenger.posted(asked.question)
        try:
            check_text(question.text)
        except AssistantError as error:
            self._work.start(self._messenger.notify(question, render_failure(error)))
            return
        await self._work.drop(asked.question.event_id)
        try:
            changed = await self._service.revise(reworded.event_id, question)
        except AssistantError as error:
            self._work.start(self._messenger.notify(question, render_failure(error)))
            return
        if changed and self._work.claim(question.event_id):
            self._work.start(self._answer(question, posted.get(0, ""), posted), question)

    async def forget(self, event_id: str) -> None:
        """Deletes the answer to a question that was deleted, unless the channel wants to keep it."""
        asked = await self._service.standing(event_id)
        if asked is None or not (await self._doorkeeper.settings(asked.question.session)).delete_answers:
            return
        await self._work.drop(asked.question.event_id)
        posted = places(asked.placement) or await self._messenger.posted(asked.question)
        await self._service.withdraw(event_id)
        await self._delivery.remove("", posted)

    async def take_stop(self, interaction: discord.Interaction, event_id: str) -> None:
        """Stops an answer. Raises InputError unless the person asked for it."""
        await self._service.stop(event_id, str(interaction.user.id))
        await interaction.response.defer()

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
        stands = places(left.placement)
        posted = stands or (await self._messenger.posted(left.question) if shown else NOTHING_POSTED)
        if left.answer:
            await self._delivery.deliver(left.question, posted.get(0, ""), left.answer, posted)
        else:
            await self._answer(left.question, posted.get(0, ""), posted)

    async def _store(self, question: Question, placement: str) -> None:
        if await self._service.accept(question):
            self._work.start(self._answer_first(question, placement), question)
        else:
            self._work.release(question.event_id)

    async def _answer_first(self, question: Question, placement: str) -> None:
        """Answers a new question; where we may not post, its asker is told in private."""
        try:
            await self._answer(question, placement)
        except discord.Forbidden as error:
            await self._service.give_up(question, f"Discord does not let us post there: {error.text}")
            if question.manner is Manner.REPLY:
                await self._messenger.whisper(question.author, render_notice(render_refusal(error.text)))

    async def _answer(
        self, question: Question, placement: str = "", posted: Mapping[int, str] = NOTHING_POSTED
    ) -> None:
        placement = await self._open(question, placement, stored=bool(posted))
        posted = {**posted, 0: placement} if placement else posted
        text = ""
        try:
            async for event in self._service.answer(question):
                if isinstance(event, Completed):
                    await self._delivery.deliver(question, placement, event.answer, posted)
                    return
                text += event.text if isinstance(event, TextDelta) else ""
                if placement:
                    await self._messenger.show_progress(question, placement, event, text)
        except QuestionGone:
            await self._delivery.remove(placement, posted)
        except TurnStopped:
            await self._delivery.end(question, placement, render_stopped(text), posted)
        except AssistantError as error:
            await self._delivery.end(question, placement, render_notice(render_failure(error)), posted)

    async def _open(self, question: Question, placement: str, *, stored: bool) -> str:
        """Gives a sign of life and remembers where it stands; "" where none is wanted."""
        if question.manner is not Manner.REPLY:
            return ""
        if placement and not stored:
            await self._service.placed(question, placement)
        opened = await self._messenger.open(question, placement)
        if opened != placement:
            await self._service.placed(question, opened)
        return opened

    async def _tell(self, question: Question, placement: str, error: AssistantError) -> None:
        said = render_failure(error)
        if placement or question.manner is Manner.PRIVATE:
            await self._delivery.end(question, placement, render_notice(said))
        elif question.manner is Manner.REPLY:
            await self._messenger.notify(question, said)

    def _refuse(self, question: Question) -> None:
        """Tells somebody who may not ask in a channel so, once."""
        who = (question.session.channel, question.author)
        if who not in self._refused:
            self._refused.add(who)
            self._work.start(self._messenger.notify(question, LIMITED))

    async def _ask_for_mention(self, heard: Heard) -> None:
        """Says, once in a conversation, that its messages are hidden from us; what is hidden may be a question."""
        session = heard.question.session
        asking = replace(heard, question=replace(heard.question, text=ASKING))
        if session in self._asked_for_mention or (await self._doorkeeper.judge(asking)).response is not Response.ANSWER:
            return
        self._asked_for_mention.add(session)
        self._work.start(self._messenger.notify(heard.question, NEEDS_MENTION))
