"""Rows of conversations as domain nouns, and nouns as columns. Pure; used by the repositories of sessions and turns."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement

from core.domain.channels import Fault, Feedback, Verdict
from core.domain.conversation import (
    Answer,
    Attachment,
    Citation,
    Manner,
    Message,
    Mode,
    Question,
    Session,
    SessionKey,
    Status,
    ToolCall,
    Trace,
)
from core.storage.models import AttachmentRow, CitationRow, FeedbackRow, MessageRow, SessionRow

TRACE = TypeAdapter(Trace)

TITLE_LENGTH = 120


def key_of(row: SessionRow) -> SessionKey:
    """The address of a session."""
    return SessionKey(row.platform, row.workspace, row.channel, row.thread)


def at(key: SessionKey) -> tuple[ColumnElement[bool], ...]:
    """The conditions under which a row is the session at an address."""
    return (
        SessionRow.platform == key.platform,
        SessionRow.workspace == key.workspace,
        SessionRow.channel == key.channel,
        SessionRow.thread == key.thread,
    )


def title_of(text: str) -> str:
    """What a session is called whose first question this is: the question on one line."""
    return " ".join(text.split())[:TITLE_LENGTH]


def session_of(row: SessionRow, messages: int) -> Session:
    """A session, as lists show it."""
    return Session(row.id, key_of(row), row.title, row.created_at, row.updated_at, messages)


def message_of(row: MessageRow) -> Message:
    """A line of a transcript; citations and tool calls have to be loaded."""
    return Message(
        id=row.id,
        role=row.role,
        text=row.text,
        created_at=row.created_at,
        author=row.author,
        mode=Mode(row.mode),
        status=Status(row.status),
        note=row.note,
        turn=row.turn,
        answer=answer_of(row) if row.role == "assistant" else None,
    )


def answer_of(row: MessageRow, trace: Trace | None = None) -> Answer:
    """The answer that a message is; its citations and tool calls have to be loaded."""
    return Answer(
        text=row.text,
        citations=tuple(citation_of(citation) for citation in row.citations),
        tool_calls=tuple(ToolCall(call.name, call.arguments, call.result) for call in row.tool_calls),
        covered=row.covered,
        mode=Mode(row.mode),
        model=row.model,
        note=row.note,
        milliseconds=row.milliseconds,
        first_text=row.first_text,
        trace=trace or Trace(),
        message_id=row.id,
    )


def citation_of(row: CitationRow) -> Citation:
    """A citation."""
    return Citation(row.number, row.passage_id, row.title, tuple(row.heading_path), row.address, row.score, row.quote)


def question_of(row: MessageRow, session: SessionRow, attached: Sequence[AttachmentRow] = ()) -> Question:
    """The question that a message is."""
    return Question(
        session=key_of(session),
        text=row.text,
        event_id=row.event_id or "",
        author=row.author,
        mode=Mode(row.mode),
        manner=Manner(row.manner),
        attachments=tuple(Attachment(a.name, a.media_type, a.text, a.image, a.problem) for a in attached),
        asked_at=row.asked_at,
    )


def feedback_of(row: FeedbackRow) -> Feedback:
    """A verdict."""
    fault = Fault(row.fault) if row.fault else None
    return Feedback(row.message_id, row.author, Verdict(row.verdict), fault, row.comment)


def attachment_columns(message_id: str, question: Question) -> list[dict[str, Any]]:
    """What the rows of a question's attachments hold."""
    return [
        {
            "message_id": message_id,
            "position": position,
            "name": attachment.name[:255],
            "media_type": attachment.media_type[:100],
            "text": attachment.text,
            "image": attachment.image,
            "problem": attachment.problem,
        }
        for position, attachment in enumerate(question.attachments)
    ]


def columns_of(message_id: str, answer: Answer) -> dict[str, Any]:
    """What the row of an answer holds."""
    return {
        "id": message_id,
        "role": "assistant",
        "text": answer.text,
        "mode": answer.mode,
        "status": Status.DELIVERED,
        "covered": answer.covered,
        "note": answer.note,
        "model": answer.model,
        "milliseconds": answer.milliseconds,
        "first_text": answer.first_text,
        "tokens": answer.trace.tokens,
        "cost": answer.trace.cost,
    }


def citation_columns(message_id: str, answer: Answer) -> list[dict[str, Any]]:
    """What the rows of an answer's citations hold."""
    return [
        {
            "message_id": message_id,
            "number": citation.number,
            "passage_id": citation.passage_id,
            "title": citation.title,
            "heading_path": list(citation.heading_path),
            "address": citation.address,
            "score": citation.score,
            "quote": citation.quote,
        }
        for citation in answer.citations
    ]


def tool_call_columns(message_id: str, answer: Answer) -> list[dict[str, Any]]:
    """What the rows of an answer's tool calls hold."""
    return [
        {
            "message_id": message_id,
            "position": position,
            "name": call.name,
            "arguments": call.arguments,
            "result": call.result,
        }
        for position, call in enumerate(answer.tool_calls)
    ]


def trace_of(body: dict[str, Any] | None) -> Trace:
    """A stored trace; an empty one where none was kept."""
    return TRACE.validate_python(body) if body else Trace()
