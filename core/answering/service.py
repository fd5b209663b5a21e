"""What channels ask: a question in, a stream of events out, everything kept on the way.

Comes in: `Question`s from any channel. Goes out: `AnswerEvent`s, ending with `Completed`; or an AssistantError whose
`said` is the sentence for the asker. A turn runs by itself once its question is accepted (see `durability`), those of
one session in order, one at a time; channels follow it, and may leave.
"""

import asyncio
import logging
import unicodedata
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

from core.answering.attachments import bounded
from core.answering.engine import Engine
from core.answering.masking import masked
from core.answering.outages import patiently
from core.answering.turns.durability import Durability, InMemory
from core.answering.turns.runner import TurnRunner
from core.answering.turns.turn import ended, stopped
from core.domain.conversation import AWAITED, MAX_QUESTION, Asked, Mode, Question, SessionKey, Status
from core.domain.events import Accepted, AnswerEvent, Completed
from core.domain.turn_context import working_on
from core.errors import AssistantError, InputError, StorageError, UnknownTurn
from core.storage.ids import now
from core.storage.sessions import Sessions
from core.storage.turns import OPEN, Turns

ATTACHED = 12_000
"""Characters of all attachments of a question together."""

REMEMBERED = 1_000
"""Events that are done with though no question stands for them: refused, reworded or withdrawn; they may come again."""

STILL_WANTED = timedelta(hours=24)
"""Questions left behind by a stopped process are answered if they are younger than this."""

LOOK_SECONDS = 0.25
"""How often a turn is looked up that another process runs."""

GIVEN_UP = "The service stopped several times while answering this, so it was given up. Ask in other words."

_log = logging.getLogger(__name__)


class AnsweringService:
    """The one door to the answering room."""

    def __init__(self, sessions: Sessions, turns: Turns, runner: TurnRunner) -> None:
        self._sessions = sessions
        self._turns = turns
        self._runner = runner
        self._live = runner.live
        self._durability: Durability = InMemory()
        self._resuming: list[asyncio.Task[None]] = []
        self._done_with: OrderedDict[str, None] = OrderedDict()

    async def open(self, durability: Durability | None = None) -> None:
        """Begins to run turns; with a `Ledger`, those of processes that are gone too."""
        self._durability = durability or self._durability
        await self._durability.open(self._runner.run)
        self._runner.opened(self._durability)
        if self._durability.shared:
            self._resuming = [asyncio.create_task(self._resume(platform)) for platform in AWAITED]

    async def drain(self, patience: float) -> None:
        """Lets running turns end for up to `patience` seconds; those who wait for others are told."""
        await self._live.idle(patience)

    async def close(self) -> None:
        """Stops what still runs; a ledger hands it over."""
        for task in self._resuming:
            task.cancel()
        await asyncio.gather(*self._resuming, return_exceptions=True)
        await self._durability.close()
        await self._runner.close()

    async def warm_up(self) -> dict[Mode, Engine]:
        """Loads the engines on a thread, once; the first question waits for it."""
        return await self._runner.warm_up()

    def queue(self) -> dict[Mode, tuple[int, int]]:
        """How many questions are being answered and how many wait, by mode, in this process."""
        return self._runner.queue()

    async def accept(self, question: Question) -> bool:
        """Stores a question and begins its turn, before anything is promised. False: it was delivered before.

        Raises InputError, once, for text that cannot be answered, and Overloaded; nothing is stored then.
        """
        if question.event_id in self._done_with:
            return False
        try:
            self._check(question)
        except AssistantError:
            self._remember(question.event_id)
            raise
        return await self._accept(_masked(question), kept=True)

    async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """Follows the turn of an accepted question, wherever it runs. Raises AssistantError as it does."""
        while True:
            if turn := self._live.get(question.event_id):
                async with aclosing(turn.follow()) as events:
                    async for event in events:
                        yield event
                        if isinstance(event, Completed):
                            return
            asked = await patiently(lambda: self._turns.get(question.event_id))
            if asked is None:
                raise ended(None)
            if asked.status is not Status.PENDING:
                yield _outcome(asked)
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def ask(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """Accepts and answers a question of someone who waits for it: HTTP, console, command.

        A question that was asked before is answered as it was then. Who leaves last, of all who wait for it, stops it.
        """
        self._check(question)
        question = _masked(question)
        if not await self._accept(question, kept=False):
            await self._check_same(question)
        try:
            yield Accepted(question.event_id)
            async with aclosing(self.answer(question)) as events:
                async for event in events:
                    yield event
        except (GeneratorExit, asyncio.CancelledError):
            if self._live.is_unheard(question.event_id):
                await asyncio.shield(self.stop(question.event_id))
            raise

    async def revise(self, event_id: str, question: Question) -> bool:
        """Answers a question anew that was reworded, in the place of its answer. False: there is none to reword.

        Raises InputError for text that cannot be answered; the old answer stays then.
        """
        self._check(question)
        question = _masked(question)
        asked = await self._turns.standing(event_id)
        if asked is None or asked.question.text == question.text:
            return False
        old = asked.question.event_id
        await self._stop_running(old)
        turn = await self._turns.supersede(old, question, self._durability.executor)
        if turn is None:
            return False
        self._remember(event_id)
        self._live.expect(Asked(question, turn, Status.PENDING, asked.placement, kept=True))
        await self._begin(question.event_id)
        return True

    async def withdraw(self, event_id: str) -> Asked | None:
        """Forgets a question that was deleted, with its answer; gives what was there. None: there was nothing."""
        asked = await self._turns.standing(event_id)
        if asked is None:
            return None
        self._remember(event_id)
        await self._stop_running(asked.question.event_id)
        return await self._turns.withdraw(asked.question.event_id)

    async def standing(self, event_id: str) -> Asked | None:
        """A question as it stands now, reworded or not, by the id that it was first asked under."""
        return await self._turns.standing(event_id)

    async def stop_all(self, session: SessionKey, author: str) -> int:
        """Stops what a person asked in a session and is being answered; gives how many answers that were."""
        return sum([await self.stop(event_id, author) for event_id in await self._turns.open_in(session, author)])

    async def stop(self, event_id: str, author: str | None = None) -> bool:
        """Stops the turn of a question and its model's call. False: it had ended before.

        With `author`, raises InputError unless that is who asked.
        """
        asked = await self._turns.get(event_id)
        if asked is None:
            raise UnknownTurn("There is no such question.")
        if author is not None and author != asked.question.author:
            raise InputError("Only the person who asked can stop this answer.")
        if not await self._turns.stop(event_id, stopped().said):
            return False
        if turn := self._live.get(event_id):
            turn.stop()
        return True

    def _remember(self, event_id: str) -> None:
        self._done_with[event_id] = None
        if len(self._done_with) > REMEMBERED:
            self._done_with.popitem(last=False)

    async def _stop_running(self, event_id: str) -> None:
        """Ends a turn wherever it runs, without a word."""
        await self._turns.stop(event_id, stopped().said)
        if turn := self._live.get(event_id):
            turn.stop()

    async def keeps(self, question: Question) -> bool:
        """Whether it is for this process to speak about a question: another one takes it over if it holds us for gone.

        A database that cannot be asked changes nothing about that.
        """
        if self._durability.gone() is None:
            return True
        try:
            keeper = await self._turns.keeper(question.event_id)
        except StorageError as error:
            _log.warning("it cannot be seen who answers question %s now: %s", question.event_id, error)
            return True
        return keeper in {None, self._durability.executor}

    async def is_gone(self, question: Question) -> bool:
        """Whether a question was deleted since it was taken, so that its answer must not be shown."""
        return await patiently(lambda: self._turns.keeper(question.event_id)) is None

    async def take_on(self, question: Question) -> None:
        """Makes it for this process to speak about a question, as when a decision about it is carried out here."""
        await self._turns.keep(question.event_id, self._durability.executor)

    async def placed(self, question: Question, placement: str) -> None:
        """Remembers where on its platform a question is being answered; waits for a database that is away."""
        await patiently(lambda: self._turns.place(question.event_id, placement))

    async def delivered(self, question: Question) -> None:
        """Notes that the answer stands where it was asked; waits for a database that is away."""
        await patiently(lambda: self._turns.delivered(question.event_id))

    async def give_up(self, question: Question, reason: str) -> None:
        """Marks a question as failed that cannot be answered where it was asked."""
        await patiently(lambda: self._turns.fail(question.event_id, reason, OPEN))
        if turn := self._live.get(question.event_id):
            turn.stop()

    async def left_behind(self, platform: str) -> AsyncGenerator[Asked]:
        """Questions of a platform whose process is gone, for the caller to deliver: at once, and whenever one goes."""
        while True:
            changed = asyncio.ensure_future(self._durability.peers_changed())
            try:
                gone, since = self._durability.gone(), now() - STILL_WANTED
                for asked in await self._turns.adopt(platform, since, self._durability.executor, gone):
                    if asked.status is Status.PENDING:  # perhaps stored without being begun
                        await self._begin(asked.question.event_id)
                    yield asked
                if not await changed:
                    return
            except StorageError as error:
                _log.warning("questions that were left behind cannot be looked up yet: %s", error)
                await asyncio.sleep(LOOK_SECONDS * 8)
            finally:
                changed.cancel()

    async def knows(self, session: SessionKey) -> bool:
        """Whether we take part in this conversation."""
        return await self._sessions.exists(session)

    async def forget(self, session: SessionKey) -> int:
        """Deletes a conversation; gives the number of messages that went. What was being answered in it is stopped."""
        gone = await self._sessions.delete(session)
        self._live.stop_those(lambda question: question.session == session)
        return gone

    def forget_person(self, platform: str, person: str) -> None:
        """Stops what is being answered for a person whose questions were deleted; other processes see that themselves.

        Nothing more is posted for them.
        """
        self._live.stop_those(lambda question: (question.session.platform, question.author) == (platform, person))

    async def _resume(self, platform: str) -> None:
        """Has turns end whose process is gone and whose answers no channel delivers."""
        async for asked in self.left_behind(platform):
            if asked.answer:
                await self.delivered(asked.question)

    def _check(self, question: Question) -> None:
        check_text(question.text)
        self._runner.check(question.mode)

    async def _accept(self, question: Question, *, kept: bool) -> bool:
        with working_on(question):
            turn = await self._turns.claim(question, self._durability.executor)
            if turn is None:
                return False
            self._live.expect(Asked(question, turn, Status.PENDING, kept=kept))
            await self._begin(question.event_id)
            return True

    async def _begin(self, event_id: str) -> None:
        """Has a turn run, unless it does or was begun too often."""
        if not await self._durability.start(event_id):
            await self._turns.fail(event_id, GIVEN_UP)
            self._live.drop(event_id)

    async def _check_same(self, question: Question) -> None:
        asked = await self._turns.get(question.event_id)
        if asked and (asked.question.text, asked.question.mode) != (question.text, question.mode):
            raise InputError("Another question was asked under this key before. Use a new key for a new question.")


def _masked(question: Question) -> Question:
    """A question without the secrets in its text; its attachments come without them, and share the room there is."""
    return replace(question, text=masked(question.text), attachments=bounded(question.attachments, ATTACHED))


def _outcome(asked: Asked) -> Completed:
    """How a turn ended that was not followed. Raises AssistantError unless it was with an answer."""
    if asked.answer:
        return Completed(asked.answer)
    raise ended(asked)


def check_text(text: str) -> None:
    """Raises InputError unless the text is a question of bearable length without control characters."""
    if not text.strip():
        raise InputError("The message is empty. Ask a question about MLOps.")
    if len(text) > MAX_QUESTION:
        raise InputError(
            f"The message has {len(text):,} characters; up to {MAX_QUESTION:,} can be read. Shorten it and ask again."
        )
    strange = next((c for c in text if unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\r\t"), None)
    if strange is not None:
        raise InputError(f"The message contains a control character (U+{ord(strange):04X}). Remove it and ask again.")
