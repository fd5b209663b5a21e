"""How conversations are looked for and looked at afterwards, and what of them is erased. Standard library only."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.domain.channels import Feedback
from core.domain.conversation import Message, Mode, Session

MOST_WORDS = 16
"""Words of a search that are looked for; nobody means more."""

BEGINNING = 3
"""Letters from which the last word of a search may be the beginning of one."""

ROOT = 4
"""Letters that all forms of a word have in common at least; shorter words have one form for an excerpt."""

AROUND = 60
"""Characters that an excerpt shows before the first word that was found; three times as many follow it."""

_WORD = re.compile(r"[^\W_]+")


class Opinion(StrEnum):
    """What people thought of the answers of a session."""

    HELPFUL = "helpful"
    NOT_HELPFUL = "not_helpful"
    NONE = "none"


@dataclass(frozen=True)
class SessionFilter:
    """Which sessions are wanted; what is empty does not matter. `cost_over` is in micro-dollars.

    `covered` sessions have no answer that the knowledge base did not back. `since` and `until` are about when
    something was said last; the latter is not included.
    """

    search: str = ""
    platform: str = ""
    channel: str = ""
    person: str = ""
    mode: Mode | None = None
    opinion: Opinion | None = None
    covered: bool | None = None
    escalated: bool = False
    failed: bool = False
    cost_over: int = 0
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Cursor:
    """A place in the list of sessions: when something was said last in one of them, and its id."""

    moment: datetime
    id: str


@dataclass(frozen=True)
class Listed:
    """A session with what stands out in it; `hit` is the first message in which the search found its words."""

    session: Session
    uncovered: int = 0
    failed: int = 0
    helpful: int = 0
    unhelpful: int = 0
    escalated: int = 0
    cost: int = 0
    hit: str = ""


@dataclass(frozen=True)
class Listing:
    """A part of the list, the latest first, and where the parts beside it begin; None where there is none."""

    items: tuple[Listed, ...]
    newer: Cursor | None = None
    older: Cursor | None = None


@dataclass(frozen=True)
class Line:
    """A message of a transcript with all that is kept beside it; `attachments` are the names of files.

    `tokens` and `cost` (micro-dollars) are of an answer, as are `feedback` and who asked for a human with it.
    """

    message: Message
    attachments: tuple[str, ...] = ()
    tokens: int = 0
    cost: int = 0
    feedback: tuple[Feedback, ...] = ()
    escalated_by: str = ""


@dataclass(frozen=True)
class Erased:
    """How much of a person was removed: whole sessions, questions in sessions with others, and what they clicked."""

    sessions: int = 0
    messages: int = 0
    verdicts: int = 0
    escalations: int = 0


def words_of(search: str) -> tuple[str, ...]:
    """The words that a search is for; whatever else was typed does not matter."""
    return tuple(_WORD.findall(unicodedata.normalize("NFC", search).lower())[:MOST_WORDS])


def is_open(search: str) -> bool:
    """Whether the last word of a search may be the beginning of one: it has some letters, and nothing follows it."""
    words = words_of(search)
    return bool(words) and len(words[-1]) >= BEGINNING and search[-1:].isalnum()


def excerpt(text: str, search: str) -> list[tuple[str, bool]]:
    """What stands around the first word of a search in a text, in pieces; True marks words that were searched for.

    What begins alike is marked: the database knows more exactly which forms a word has.
    """
    words = words_of(search)
    line = " ".join(text.split())
    if not words:
        return [(line[: AROUND * 4], False)]
    beginnings = [word[: max(ROOT, len(word) // 2)] + r"[^\W_]*" if len(word) >= ROOT else word for word in words]
    if is_open(search):
        beginnings.append(words[-1] + r"[^\W_]*")
    found = re.compile(rf"(?<![^\W_])({'|'.join(beginnings)})(?![^\W_])", re.IGNORECASE)
    first = found.search(line)
    start = max(first.start() - AROUND, 0) if first else 0
    shown = line[start : start + AROUND * 4]
    pieces = [(piece, index % 2 == 1) for index, piece in enumerate(found.split(shown)) if piece]
    before, after = "… " if start else "", " …" if start + AROUND * 4 < len(line) else ""
    return [(text, hit) for text, hit in [(before, False), *pieces, (after, False)] if text]
