"""Questions that had no good answer, what was written to answer them, and how that comes back to chat.

Standard library only.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from core.domain.conversation import Manner, SessionKey


class GapState(StrEnum):
    """What became of a gap."""

    OPEN = "open"
    ANSWERED = "answered"
    WONT_DO = "wont_do"


class Fate(StrEnum):
    """Why an answer was not good: nothing was found, somebody said so, or somebody asked for a human."""

    UNCOVERED = "not covered"
    UNHELPFUL = "not helpful"
    ESCALATED = "escalated"


class Order(StrEnum):
    """How a list of gaps is ordered."""

    LARGEST = "largest"
    NEWEST = "newest"


@dataclass(frozen=True)
class Unanswered:
    """A question whose answer was not good: `query` is what was searched for, `answered_at` when that answer came."""

    question_id: str
    query: str
    asked_at: datetime
    answered_at: datetime


@dataclass(frozen=True)
class Gap:
    """Questions that ask the same and had no good answer. `title` is the first of them; `size` counts them."""

    id: str
    title: str
    state: GapState
    size: int
    first_seen: datetime
    last_seen: datetime
    decided_by: str = ""
    decided_at: datetime | None = None


@dataclass(frozen=True)
class GapExample:
    """A question of a gap. `again` is what became of it when it was asked anew in its thread, empty before.

    That is `waiting`, the status of its turn, `nothing` when it was not covered again, or a sentence on what failed.
    """

    question_id: str
    text: str
    asked_at: datetime
    session_id: str
    session: SessionKey
    author: str
    manner: Manner
    fates: tuple[Fate, ...]
    again: str = ""

    @property
    def private(self) -> bool:
        """Whether its asker alone saw it: neither they nor the place are shown."""
        return self.manner is Manner.PRIVATE


@dataclass(frozen=True)
class Card:
    """An answer that somebody wrote by hand: a small page of the knowledge base. `review_on` is when to look again."""

    id: str
    question: str
    text: str
    author: str
    review_on: date
    gap_id: str = ""
    created_at: datetime | None = None
    changed_at: datetime | None = None

    @property
    def path(self) -> str:
        """Where it stands in the library."""
        return f"{CARDS}/{self.id}.md"

    @property
    def address(self) -> str:
        """Its page on this service's console, to which citations lead."""
        return f"/admin/cards/{self.id}"


CARDS = "cards"
"""The source that all cards are pages of."""


class ErrandKind(StrEnum):
    """What a chat platform is to do: `ANSWER` a stored question anew, or carry out the decision on a `DRAFT`."""

    ANSWER = "answer"
    DRAFT = "draft"


@dataclass(frozen=True)
class Errand:
    """Something that whoever speaks on a platform is to do once. `message_id` is the question, or the draft."""

    id: str
    kind: ErrandKind
    platform: str
    message_id: str
    event_id: str
    asked_by: str
