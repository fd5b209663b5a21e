"""How the assistant behaves in a channel of a chat platform, and what people thought of it. Standard library only."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.domain.conversation import Mode

SURE = 0.8
"""How likely the best passage must be about a question before we speak unasked; see `Passage.score`."""


class Speaks(StrEnum):
    """When the assistant speaks in a channel.

    `MENTION`: when it is mentioned. `THREADS`: also in a thread that it is part of, without a mention. `AUTO`: also
    unasked, to questions whose answer it is sure of. `SHADOW`: never by itself; it drafts for the maintainers.
    """

    OFF = "off"
    MENTION = "mention"
    THREADS = "threads"
    AUTO = "auto"
    SHADOW = "shadow"


@dataclass(frozen=True)
class Address:
    """A channel by its id, which a new name does not change; without `channel` it is the whole workspace."""

    platform: str
    workspace: str
    channel: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.platform, self.workspace, self.channel) if part)


@dataclass(frozen=True)
class ChannelSettings:
    """What holds in a channel. Empty means: not restricted.

    `sources` may be used, in `language`, with `tone`; `askers` are people and `bots` are bots, by id; `maintainers` is
    the channel that drafts go to, `helpers` the group that "need a human" pings; AUTO speaks from a score of `sure` on.
    """

    speaks: Speaks = Speaks.THREADS
    mode: Mode = Mode.AGENT
    sources: tuple[str, ...] = ()
    language: str = ""
    tone: str = ""
    askers: tuple[str, ...] = ()
    bots: tuple[str, ...] = ()
    sure: float = SURE
    maintainers: str = ""
    helpers: str = ""
    delete_answers: bool = True


class Verdict(StrEnum):
    """What a person thought of an answer."""

    HELPFUL = "helpful"
    NOT_HELPFUL = "not_helpful"


class Fault(StrEnum):
    """What was wrong with an answer that did not help."""

    WRONG = "wrong"
    OUTDATED = "outdated"
    INCOMPLETE = "incomplete"
    UNCLEAR = "unclear"
    UNSAFE = "unsafe"


@dataclass(frozen=True)
class Feedback:
    """The verdict of a person on an answer; of each, the last one counts."""

    message_id: str
    author: str
    verdict: Verdict
    fault: Fault | None = None
    comment: str = ""


@dataclass(frozen=True)
class Floor:
    """Who has the word in a conversation that we are part of.

    `askers` are those whom we answered; `taken_by` is the person who last spoke to somebody else, empty while people
    talk to us; a `resolved` conversation is over until we are mentioned again.
    """

    askers: frozenset[str] = field(default_factory=frozenset[str])
    taken_by: str = ""
    resolved: bool = False


class DraftState(StrEnum):
    """What became of an answer that was drafted for the maintainers."""

    WAITING = "waiting"
    POSTED = "posted"
    DISCARDED = "discarded"


@dataclass(frozen=True)
class Draft:
    """An answer in the hands of the maintainers; `placement` is where they see it."""

    message_id: str
    placement: str
    state: DraftState
    decided_by: str = ""
    decided_at: datetime | None = None
