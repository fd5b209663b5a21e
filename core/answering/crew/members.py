"""The two members of the crew, each asking the model under its own prompt and within its bounds.

Comes in: the messages that CrewAI would send. Goes out: what CrewAI is to read in place of the reply; statuses and the
answer's text on the way. Runs on the event loop; called through the LLM that CrewAI is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import AnyMessage, HumanMessage

from core.answering.crew.speech import ANSWER, Act, answer_so_far, answering, read, whole_answer
from core.answering.crew.turn import CrewTurn
from core.answering.language_models.extractive import NAME as QUOTING
from core.answering.prompts import NOT_COVERED, framed_passages, prompt_version
from core.answering.shown import ShownText
from core.domain.conversation import Note
from core.domain.events import Step, TextDelta
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE

RESEARCHER = "MLOps Research Specialist"
WRITER = "MLOps Technical Writer"

READING = "reading what was found"
SEARCHING = "searching again"
NOTING = "noting what was found"
WRITING = "writing the answer"

FINISH = "You cannot search any more. Write the research notes now, from the passages that you were given."
UNFINISHED = "No notes were finished; the writer was given the passages of the first search."

WRITER_CALLS = 2
"""The second one when the first reply was empty, or when notes leave nothing to quote because no model is there."""

RESEARCH_SHARE = 0.75
"""Of a crew's tokens; the rest is the writer's."""

REPLY_TOKENS = 500
"""What a reply is expected to take, before it is known."""

CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True)
class Bounds:
    """What a crew may use up: `steps` are calls of the model by the researcher, `tokens` those of all calls."""

    steps: int
    tokens: int


class Researcher:
    """Gathers notes for as long as its bounds allow; `task` is what CrewAI tells it."""

    def __init__(self, turn: CrewTurn, task: str, bounds: Bounds) -> None:
        self.task = task
        self.bounds = bounds
        self.notes = ""
        self._turn = turn
        self._first = list(turn.passages)
        self._steps = bounds.steps
        self._tokens = bounds.tokens * RESEARCH_SHARE
        self._wishes: set[str] = set()
        self._repeats = False

    @property
    def note(self) -> Note:
        """What was handed on, for the trace."""
        return Note(RESEARCHER, self.notes or UNFINISHED)

    def handed_on(self) -> str:
        """What the writer gets: the notes, or the passages of the first search when none were finished."""
        return self.notes or framed_passages(self._first)

    async def search(self, query: str) -> str:
        """The researcher's tool."""
        self._turn.tell(Step(RESEARCHER, SEARCHING))
        return await self._turn.search(query)

    async def reply(self, messages: Sequence[AnyMessage]) -> str:
        """An act for CrewAI to carry out, or the end of the research."""
        calls_left = min(self._steps, (self._tokens - self._turn.tokens) / self._expected(messages))
        if calls_left < 1:
            return _ended(self.notes)
        last = self._repeats or calls_left < 2  # noqa: PLR2004 - after this one there is none
        self._steps -= 1
        said = await self._said([*messages, HumanMessage(FINISH)] if last else messages, noting=last)
        if isinstance(said, Act) and not last:
            self._repeats = said.wish in self._wishes
            self._wishes.add(said.wish)
            return said.text
        self.notes = "" if isinstance(said, Act) else said
        return _ended(self.notes)

    def _expected(self, messages: Sequence[AnyMessage]) -> float:
        """The tokens that a call will take, in and out: no fewer than the one before."""
        characters = sum(len(str(message.content)) for message in messages)
        before = self._turn.calls[-1:]
        return max(
            [characters / CHARACTERS_A_TOKEN + REPLY_TOKENS, *(call.tokens_in + call.tokens_out for call in before)]
        )

    async def _said(self, messages: Sequence[AnyMessage], *, noting: bool) -> Act | str:
        told = ""

        def tell(what: str) -> None:
            nonlocal told
            if told != what:
                self._turn.tell(Step(RESEARCHER, what))
            told = what

        tell(NOTING if noting else READING)
        reply = await self._turn.reply(
            messages, prompt_version("researcher"), lambda text: tell(NOTING) if answering(text) else None
        )
        said = reply.text.strip() if reply.call.model == QUOTING else read(reply.text)
        if isinstance(said, str):
            tell(NOTING)
        return said


class Writer:
    """Writes the answer, which is shown while it is being written; `task` is what CrewAI tells it."""

    def __init__(self, turn: CrewTurn, task: str) -> None:
        self.task = task
        self.text = ""
        self._turn = turn

    async def reply(self, messages: Sequence[AnyMessage]) -> str:
        """The answer, for CrewAI to read."""
        self._turn.tell(Step(WRITER, WRITING))
        text, quoted = await self._written(messages)
        if quoted and text == NOT_COVERED:
            passages = HumanMessage(framed_passages(self._turn.passages))
            text, _ = await self._written([*messages, passages])
        elif not text:
            text, _ = await self._written(messages)
        self.text = text
        return _ended(text or NOT_COVERED)

    async def _written(self, messages: Sequence[AnyMessage]) -> tuple[str, bool]:
        """The answer, and whether it was quoted because no model could write it."""
        reply = await self._turn.reply(messages, prompt_version("writer"), Speaker(self._turn).heard)
        return whole_answer(reply.text), reply.call.model == QUOTING


class Speaker:
    """Passes on what of a reply is the answer, as it grows."""

    def __init__(self, turn: CrewTurn) -> None:
        self._turn = turn
        self._passed = 0
        self._shown = ShownText(supported=any(passage.score >= SUPPORTING_SCORE for passage in turn.passages))

    def heard(self, text: str) -> None:
        """Takes the reply as far as it has come."""
        answer = answer_so_far(text)
        piece, self._passed = answer[self._passed :], len(answer)
        if shown := self._shown.next(piece):
            self._turn.tell(TextDelta(shown))


def _ended(text: str) -> str:
    """The end of a member's work, as CrewAI reads it."""
    return f"{ANSWER} {text or UNFINISHED}"
