"""What an answer looks like while it is being made: the stream that every channel renders."""

from dataclasses import dataclass

from core.domain.conversation import Answer
from core.domain.knowledge import Passage


@dataclass(frozen=True)
class Accepted:
    """The question is stored; its turn can be stopped by this id."""

    event_id: str


@dataclass(frozen=True)
class Queued:
    """The question waits for its turn, `position`-th in line (1 is next)."""

    position: int


@dataclass(frozen=True)
class Searching:
    """The knowledge base is being searched for `query`."""

    query: str


@dataclass(frozen=True)
class Passages:
    """Passages were found; they can be cited by their place in the turn, counted from `first`."""

    passages: tuple[Passage, ...]
    first: int = 1


@dataclass(frozen=True)
class Step:
    """A member of the crew, or a tool, did something worth telling."""

    who: str
    what: str


@dataclass(frozen=True)
class TextDelta:
    """The next piece of the answer's text."""

    text: str


@dataclass(frozen=True)
class Completed:
    """The whole answer. Nothing follows it, and it replaces whatever text was shown before."""

    answer: Answer


AnswerEvent = Accepted | Queued | Searching | Passages | Step | TextDelta | Completed
