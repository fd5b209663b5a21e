"""What people do with an answer once it stands there: judge it, ask why, ask for more or for a human, close the matter.

Comes in: ids of answers and of people. Goes out: answers with what they were made of. Called by the channels and the
console.
"""

from dataclasses import dataclass, replace

from core.answering.masking import masked
from core.domain.channels import Draft, DraftState, Fault, Feedback, Verdict
from core.domain.conversation import Manner, Mode, Question, SessionKey, Told
from core.errors import InputError, UnknownTurn
from core.storage.reviews import Reviews
from core.storage.sessions import Sessions
from core.storage.turns import Turns

COMMENT_LENGTH = 1_000
"""Characters of what somebody wrote about an answer; the rest is not kept."""


@dataclass(frozen=True)
class Summary:
    """A conversation in short, for a human who is called to it."""

    asked: tuple[str, ...]
    answer: str
    covered: bool


class Aftercare:
    """All that comes after an answer."""

    def __init__(self, reviews: Reviews, turns: Turns, sessions: Sessions) -> None:
        self._reviews = reviews
        self._turns = turns
        self._sessions = sessions

    async def told(self, message_id: str) -> Told:
        """An answer, what it answered and what it was made of. Raises UnknownTurn."""
        told = await self._turns.told(message_id)
        if told is None:
            raise UnknownTurn("This answer is no longer kept: its conversation was deleted.")
        return told

    async def judge(
        self, message_id: str, author: str, verdict: Verdict, fault: Fault | None = None, comment: str = ""
    ) -> None:
        """Keeps what somebody thinks of an answer, in place of what they thought before. Raises UnknownTurn."""
        await self.told(message_id)
        said = masked(comment.strip())[:COMMENT_LENGTH]
        await self._reviews.give(Feedback(message_id, author, verdict, fault, said))

    async def verdicts(self, message_id: str) -> list[Feedback]:
        """What people think of an answer."""
        return await self._reviews.of(message_id)

    async def deeper(self, message_id: str, author: str) -> Question:
        """The question of an answer, put to the crew; however often, it is the same one. Raises UnknownTurn."""
        told = await self.told(message_id)
        asked = told.question
        if asked.mode is Mode.CREW:
            raise InputError("This is the crew's answer already. Ask a further question in the thread.")
        again = replace(asked, author=author, mode=Mode.CREW, manner=Manner.REPLY, asked_at=None)
        return replace(again, event_id=f"{asked.event_id}:crew")

    async def escalate(self, message_id: str, author: str) -> Summary | None:
        """Notes that an answer needs a human; gives what the human should know. None: somebody did so before."""
        told = await self.told(message_id)
        if not await self._reviews.escalate(message_id, author):
            return None
        earlier = [message.text for message in told.memory.recent if message.role == "user"]
        return Summary((*earlier[-2:], told.question.text), told.answer.text, told.answer.covered)

    async def resolve(self, session: SessionKey, person: str) -> bool:
        """Closes a conversation until we are mentioned again; False when it was closed before."""
        return await self._sessions.resolve(session, person)

    async def move(self, session: SessionKey, new: SessionKey) -> bool:
        """Lets a conversation go on elsewhere: where a private answer was shared."""
        return await self._sessions.move(session, new)

    async def draft(self, message_id: str, placement: str) -> bool:
        """Notes where the maintainers see a draft; False when one was shown to them before."""
        return await self._reviews.draft(message_id, placement)

    async def draft_of(self, message_id: str) -> Draft | None:
        """A draft, whatever became of it."""
        return await self._reviews.draft_of(message_id)

    async def drafts(self) -> list[Draft]:
        """Drafts that wait for a decision, the oldest first."""
        return await self._reviews.drafts()

    async def decide(self, message_id: str, person: str, *, post: bool) -> Told | None:
        """Decides on a draft; gives what is to be posted. None: it was decided on before. Raises UnknownTurn."""
        told = await self.told(message_id)
        state = DraftState.POSTED if post else DraftState.DISCARDED
        if not await self._reviews.decide(message_id, state, person):
            return None
        return replace(told, question=replace(told.question, manner=Manner.REPLY))
