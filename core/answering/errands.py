"""Brings what is decided in the console back to chat: questions that are answered anew, drafts that are posted.

Comes in: decisions, from the console. Goes out: errands, to the channel of their platform, in whichever process that
is: the table is looked at every other second, and at once where both are in one process. What a process takes and does
not finish is taken again, so whatever a channel does for an errand must be the same when it is done twice.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import timedelta

from core.domain.channels import DraftState
from core.domain.conversation import AWAITED, Manner, Question
from core.domain.gaps import Errand, ErrandKind, GapExample
from core.domain.people import acting
from core.errors import StorageError, UnknownTurn
from core.storage.audit import Audit
from core.storage.errands import Errands
from core.storage.ids import now
from core.storage.turns import Turns

LOOK_SECONDS = 2.0
"""How often the table is looked at for what another process handed in."""

LATELY = timedelta(days=1)

_log = logging.getLogger(__name__)


class ErrandDesk:
    """Where errands are handed in, and fetched from."""

    def __init__(self, errands: Errands, turns: Turns, audit: Audit, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._errands = errands
        self._turns = turns
        self._audit = audit
        self._look_seconds = look_seconds
        self._handed_in = 0
        self._pauses: set[asyncio.Task[None]] = set()

    async def ask_again(self, gap_id: str, examples: Sequence[GapExample]) -> int:
        """Has questions of a gap answered anew where they were asked, each once; gives how many will be.

        Private ones, and those that nobody waits for in a thread, are left out.
        """
        asked = [
            example
            for example in examples
            if can_be_asked_again(example)
            and await self._errands.ask(
                example.session.platform, example.question_id, f"gap:{gap_id}:{example.question_id}", acting()
            )
        ]
        if asked:
            await self._audit.note("gap.ask_again", gap_id, after={"questions": [e.question_id for e in asked]})
        self._tell()
        return len(asked)

    async def decide(self, message_id: str, *, post: bool) -> bool:
        """Decides on a draft, which its channel then posts or not; False when somebody did before.

        Raises UnknownTurn when it is gone.
        """
        told = await self._turns.told(message_id)
        if told is None:
            raise UnknownTurn("This draft is no longer kept: its conversation was deleted.")
        state = DraftState.POSTED if post else DraftState.DISCARDED
        if not await self._errands.decide(told.question.session.platform, told.message_id, state, acting()):
            return False
        await self._audit.note("draft.post" if post else "draft.discard", told.message_id, after={"state": state})
        self._tell()
        return True

    async def problems(self) -> list[str]:
        """Why drafts that were decided on lately could not be posted or marked, the latest first."""
        return await self._errands.problems(ErrandKind.DRAFT, now() - LATELY)

    async def taken(self, platform: str) -> AsyncGenerator[Errand]:
        """The errands of a platform as they come, for ever; each is the caller's to `end`."""
        while True:
            known = self._handed_in
            try:
                errand = await self._errands.take(platform)
            except StorageError as error:
                _log.warning("errands cannot be looked up yet: %s", error)
                errand = None
            if errand:
                yield errand
            elif known == self._handed_in:
                await self._pause()

    async def question(self, errand: Errand) -> Question:
        """The question that an errand asks anew: in its thread, answered only if that can be done well now.

        In a channel that is only drafted for it becomes a draft again. Raises UnknownTurn when it is gone.
        """
        told = await self._turns.told(errand.message_id)
        if told is None:
            raise UnknownTurn("The question was deleted meanwhile.")
        manner = Manner.DRAFT if told.question.manner is Manner.DRAFT else Manner.OFFER
        return replace(told.question, event_id=errand.event_id, manner=manner, asked_at=None)

    async def end(self, errand: Errand, problem: str = "") -> None:
        """Notes that an errand is done, or why it cannot be."""
        await self._errands.end(errand.id, problem)

    def _tell(self) -> None:
        self._handed_in += 1
        for pause in self._pauses:
            pause.cancel()

    async def _pause(self) -> None:
        """Waits for the time of the next look, or until something is handed in here."""
        pause = asyncio.create_task(asyncio.sleep(self._look_seconds))
        self._pauses.add(pause)
        pause.add_done_callback(self._pauses.discard)
        await asyncio.gather(pause, return_exceptions=True)


def can_be_asked_again(example: GapExample) -> bool:
    """Whether a question was asked where others can see it answered later."""
    return not example.private and example.session.platform not in AWAITED and not example.again
