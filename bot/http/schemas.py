"""What goes over the wire: requests that are checked, replies that are documented at `/docs`."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from core.domain.conversation import MAX_QUESTION, Answer, Citation, Message, Session
from core.operations.health import Health

SESSION_ID = r"^[A-Za-z0-9._:-]{1,128}$"

MessageId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{4,36}$")]
"""Of a stored message, or the end of one."""

TURN_ID = r"^[A-Za-z0-9._:-]{1,100}$"

TurnId = Annotated[str, StringConstraints(pattern=TURN_ID)]
"""Of a question: the caller's `Idempotency-Key`, or one that is made for it."""

SessionId = Annotated[str, StringConstraints(pattern=SESSION_ID)]


TURNS = "http:"


class ChatRequest(BaseModel):
    """A question, and the conversation that it belongs to."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(
        min_length=1,
        max_length=MAX_QUESTION,
        examples=["How do I create a DVC pipeline?"],
        description="The question.",
    )
    session_id: SessionId | None = Field(None, description="Same id, same conversation; a new one when absent.")


class Source(BaseModel):
    """A passage that backs the answer; `number` is its [n] in the text."""

    number: int
    title: str
    heading_path: list[str]
    address: str
    score: float = Field(description="Probability, 0..1, that the passage is about what was searched.")
    quote: str

    @classmethod
    def of(cls, citation: Citation) -> Self:
        """The source of a citation."""
        return cls(
            number=citation.number,
            title=citation.title,
            heading_path=list(citation.heading_path),
            address=citation.address,
            score=citation.score,
            quote=citation.quote,
        )


class ToolUse(BaseModel):
    """A tool that was used on the way."""

    name: str
    arguments: str
    result: str


class ChatReply(BaseModel):
    """An answer. When `covered` is false, `sources` are merely the nearest pages."""

    session_id: str
    message_id: str = Field(description="Of the stored answer; `POST /messages/{message_id}/replay` runs it again.")
    response: str
    covered: bool
    sources: list[Source]
    tool_calls: list[ToolUse]
    mode: str
    model: str
    note: str
    milliseconds: int
    tokens: int
    cost: int = Field(description="In micro-dollars, after LLM_PRICES.")

    @classmethod
    def of(cls, answer: Answer, session_id: str) -> Self:
        """The reply that carries an answer."""
        return cls(
            session_id=session_id,
            message_id=answer.message_id,
            response=answer.text,
            covered=answer.covered,
            sources=[Source.of(citation) for citation in answer.citations],
            tool_calls=[
                ToolUse(name=call.name, arguments=call.arguments, result=call.result) for call in answer.tool_calls
            ],
            mode=answer.mode,
            model=answer.model,
            note=answer.note,
            milliseconds=answer.milliseconds,
            tokens=answer.trace.tokens,
            cost=answer.trace.cost,
        )


class HistoryMessage(BaseModel):
    """A line of a transcript; `status` tells how far a question has come."""

    id: str
    role: str
    text: str
    mode: str
    status: str
    created_at: datetime
    sources: list[Source]

    @classmethod
    def of(cls, message: Message) -> Self:
        """A message as history shows it."""
        citations = message.answer.citations if message.answer else ()
        return cls(
            id=message.id,
            role=message.role,
            text=message.text,
            mode=message.mode,
            status=message.status,
            created_at=message.created_at,
            sources=[Source.of(citation) for citation in citations],
        )


class History(BaseModel):
    """A conversation."""

    session_id: str
    platform: str
    title: str
    created_at: datetime
    messages: list[HistoryMessage]

    @classmethod
    def of(cls, session: Session, messages: list[Message]) -> Self:
        """A session with its messages."""
        return cls(
            session_id=session.key.thread if session.key.platform == "http" else session.id,
            platform=session.key.platform,
            title=session.title,
            created_at=session.created_at,
            messages=[HistoryMessage.of(message) for message in messages],
        )


def event_of(turn_id: str) -> str:
    """The id under which a turn that HTTP asked for is stored."""
    return f"{TURNS}{turn_id}"


def turn_id_of(event_id: str) -> str:
    """The id of a turn as HTTP shows it."""
    return event_id.removeprefix(TURNS)


class Stopped(BaseModel):
    """Whether an answer was stopped; `false` when it had ended before."""

    turn_id: str
    stopped: bool


class Deleted(BaseModel):
    """What a deletion removed."""

    session_id: str
    messages: int


class PartReply(BaseModel):
    """The state of one part."""

    state: str
    needed: bool
    milliseconds: float
    detail: str


class HealthReply(BaseModel):
    """The state of all parts; `ok` is false when one that is needed is down."""

    ok: bool
    version: str
    parts: dict[str, PartReply]

    @classmethod
    def of(cls, health: Health, version: str) -> Self:
        """The reply for a measurement."""
        parts = {
            part.name: PartReply(
                state=part.state, needed=part.needed, milliseconds=part.milliseconds, detail=part.detail
            )
            for part in health.parts
        }
        return cls(ok=health.ready, version=version, parts=parts)


class Welcome(BaseModel):
    """Where to go from here."""

    name: str
    version: str
    docs: str
    console: str
    health: str


class Problem(BaseModel):
    """What went wrong, in a sentence, and whether asking again may help."""

    detail: str
    retry: bool
