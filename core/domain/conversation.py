"""What travels between people and the assistant: questions in, answers out. Standard library only."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.domain.knowledge import Passage

MAX_QUESTION = 8_000
"""Characters of one question; longer ones are refused with a sentence, not cut."""


class Mode(StrEnum):
    """Who answers: the LangGraph agent or the CrewAI crew."""

    AGENT = "agent"
    CREW = "crew"


class Status(StrEnum):
    """How far a question has come. `DELIVERED`, `FAILED` and `STOPPED` are final; the last is its asker's wish."""

    PENDING = "pending"
    ANSWERED = "answered"
    DELIVERED = "delivered"
    FAILED = "failed"
    STOPPED = "stopped"


AWAITED = ("http", "console")
"""Platforms whose people wait for their answers, or ask again for them: no channel delivers there."""


@dataclass(frozen=True)
class SessionKey:
    """The address of a conversation. One thread is one session."""

    platform: str
    workspace: str
    channel: str
    thread: str

    @classmethod
    def http(cls, session_id: str) -> "SessionKey":
        """The session that callers of the HTTP service and the command name themselves."""
        return cls("http", "", "", session_id)


class Manner(StrEnum):
    """How the answer is brought to people.

    `REPLY`: where it was asked, for all to see. `OFFER`: there, but only a sure answer, without a sign of life before.
    `DRAFT`: to the maintainers. `PRIVATE`: to the asker alone.
    """

    REPLY = "reply"
    OFFER = "offer"
    DRAFT = "draft"
    PRIVATE = "private"


@dataclass(frozen=True)
class Attachment:
    """A file that came with a question: its text, or its picture as bytes; `problem` says why it could not be read."""

    name: str
    media_type: str = ""
    text: str = ""
    image: bytes = field(default=b"", repr=False)
    problem: str = ""


@dataclass(frozen=True)
class Question:
    """What somebody asked, and where. `event_id` is the same for every delivery of the same question.

    `asked_at` is there when it was asked while nobody listened.
    """

    session: SessionKey
    text: str
    event_id: str
    author: str = ""
    mode: Mode = Mode.AGENT
    manner: Manner = Manner.REPLY
    attachments: tuple[Attachment, ...] = ()
    asked_at: datetime | None = None


@dataclass(frozen=True)
class Citation:
    """A passage that backs an answer; `number` is the [n] in its text, `score` how likely it is about the question."""

    number: int
    passage_id: str
    title: str
    heading_path: tuple[str, ...]
    address: str
    score: float
    quote: str

    @property
    def label(self) -> str:
        """Title and last heading, for a list of sources."""
        heading = self.heading_path[-1] if self.heading_path else ""
        return self.title if heading in {"", self.title} else f"{self.title} — {heading}"


@dataclass(frozen=True)
class ToolCall:
    """One use of a tool: its name, its arguments as JSON text and what it gave."""

    name: str
    arguments: str
    result: str


@dataclass(frozen=True)
class ModelCall:
    """One call of a language model: which prompt (`agent.v1`) went where, what it took and what it cost.

    `tokens_in` and `tokens_out` are as the endpoint counts them, or estimated; `cost` is in micro-dollars;
    `first_token` and `milliseconds` are times from the start of the call, in milliseconds.
    """

    prompt: str
    endpoint: str
    model: str
    tokens_in: int = 0
    tokens_out: int = 0
    cost: int = 0
    first_token: int = 0
    milliseconds: int = 0


@dataclass(frozen=True)
class Note:
    """An intermediate result on the way to an answer: what a member of the crew handed on."""

    who: str
    text: str


@dataclass(frozen=True)
class Trace:
    """What is needed to run a turn again and to see where its time and money went.

    `index_version` and `index_revision` name the index that was searched for `query`, and `index_fresh_at` when it was
    last brought up to date; `passages` are those that the models were shown, numbered from 1, with their scores;
    `parameters` are those of the model; `timings` are milliseconds by stage. Of the conversation, the `remembered`
    messages before the question were shown whole, and `summary` for what was before them.
    """

    query: str = ""
    index_version: str = ""
    index_revision: int = 0
    index_fresh_at: datetime | None = None
    passages: tuple[Passage, ...] = ()
    calls: tuple[ModelCall, ...] = ()
    notes: tuple[Note, ...] = ()
    parameters: dict[str, float | int | str] = field(default_factory=dict[str, float | int | str])
    timings: dict[str, int] = field(default_factory=dict[str, int])
    remembered: int = 0
    summary: str = ""

    @property
    def tokens(self) -> int:
        """Of all calls, in and out."""
        return sum(call.tokens_in + call.tokens_out for call in self.calls)

    @property
    def cost(self) -> int:
        """Of all calls, in micro-dollars."""
        return sum(call.cost for call in self.calls)


@dataclass(frozen=True)
class Answer:
    """What was said. `covered` is False when the knowledge base has nothing to support an answer.

    When covered, `citations` back the text; otherwise they are the nearest pages. `note` is said under the text.
    `milliseconds` is the time that all of it took, `first_text` that until its first words could be read. `message_id`
    is there once it is stored.
    """

    text: str
    citations: tuple[Citation, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    covered: bool = True
    mode: Mode = Mode.AGENT
    model: str = ""
    note: str = ""
    milliseconds: int = 0
    first_text: int = 0
    trace: Trace = field(default_factory=Trace, compare=False, repr=False)
    message_id: str = field(default="", compare=False)


@dataclass(frozen=True)
class Message:
    """A line of a transcript. Answers carry citations and tool calls, questions a status and why they failed."""

    id: str
    role: str
    text: str
    created_at: datetime
    author: str = ""
    mode: Mode = Mode.AGENT
    status: Status = Status.DELIVERED
    note: str = ""
    turn: int = 0
    answer: Answer | None = None


@dataclass(frozen=True)
class Memory:
    """What a turn knows of its conversation: recent messages whole, older ones condensed into a `summary`."""

    recent: tuple[Message, ...] = ()
    summary: str = ""


@dataclass(frozen=True)
class Session:
    """A conversation as lists show it."""

    id: str
    key: SessionKey
    title: str
    created_at: datetime
    updated_at: datetime
    messages: int = 0


@dataclass(frozen=True)
class Asked:
    """A stored question: its turn in its session, how far it has come, and where its reply stands.

    `answer` is there once it was given; `note` says why there will be none. It is `kept` when a channel is to
    deliver the answer; otherwise its asker takes it, or finds it in the history.
    """

    question: Question
    turn: int
    status: Status
    placement: str = ""
    answer: Answer | None = None
    note: str = ""
    kept: bool = False


@dataclass(frozen=True)
class Told:
    """An answer that was given, with what it was given to, and what the conversation was then."""

    message_id: str
    question: Question
    memory: Memory
    answer: Answer
