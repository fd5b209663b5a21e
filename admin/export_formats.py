"""Conversations as JSON Lines, CSV and Markdown. Pure.

Comes in: a session with the lines of its transcript. Goes out: text, one session after the other. Called by
`admin.exports`.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from admin.components.moments import dollars, moment
from admin.components.places import place_name
from core.domain.conversation import Session
from core.domain.history import Line

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for the beginning of a formula."""

COLUMNS = (
    "session", "platform", "workspace", "channel", "thread", "turn", "at", "role", "author", "mode", "status", "text",
    "note", "covered", "model", "milliseconds", "tokens", "cost_micro_dollars", "sources", "attachments", "feedback",
    "escalated_by",
)  # fmt: skip


@dataclass(frozen=True)
class Format:
    """A way to write conversations down; `head` stands before the first."""

    name: str
    media_type: str
    write: Callable[[Session, Sequence[Line]], str]
    head: str = ""


def as_json(session: Session, lines: Sequence[Line]) -> str:
    """One line of JSON for a session, with all its messages."""
    key = session.key
    held = {
        "session": session.id,
        "platform": key.platform,
        "workspace": key.workspace,
        "channel": key.channel,
        "thread": key.thread,
        "title": session.title,
        "created_at": session.created_at.isoformat(),
        "updated_at": session.updated_at.isoformat(),
        "messages": [_message(line) for line in lines],
    }
    return json.dumps(held, ensure_ascii=False) + "\n"


def as_csv(session: Session, lines: Sequence[Line]) -> str:
    """A row for each message; no cell is a formula."""
    key = session.key
    place = (session.id, key.platform, key.workspace, key.channel, key.thread)
    return _rows([[*place, *_cells(_message(line))] for line in lines])


def as_markdown(session: Session, lines: Sequence[Line]) -> str:
    """A chapter for a session, each message quoted under who said it."""
    said = [f"# {session.title or 'Untitled'}", f"{place_name(session.key)}, thread {session.key.thread or '-'}"]
    for line in lines:
        message, answer = line.message, line.message.answer
        who = "Assistant" if answer else message.author or "Question"
        said += [f"**{who}**, {moment(message.created_at)}{_marks(line)}", _quoted(message.text)]
        if answer and answer.citations:
            said.append("\n".join(f"{cited.number}. {cited.label}: {cited.address}" for cited in answer.citations))
        said += [f"{given.author}: {given.verdict} {given.fault or ''} {given.comment}" for given in line.feedback]
    return "\n\n".join(said) + "\n\n"


def _message(line: Line) -> dict[str, Any]:
    message, answer = line.message, line.message.answer
    return {
        "turn": message.turn,
        "at": message.created_at.isoformat(),
        "role": message.role,
        "author": message.author,
        "mode": message.mode.value,
        "status": message.status.value,
        "text": message.text,
        "note": answer.note if answer else message.note,
        "covered": answer.covered if answer else None,
        "model": answer.model if answer else "",
        "milliseconds": answer.milliseconds if answer else None,
        "tokens": line.tokens if answer else None,
        "cost_micro_dollars": line.cost if answer else None,
        "sources": [cited.address for cited in answer.citations] if answer else [],
        "attachments": list(line.attachments),
        "feedback": [
            {"author": given.author, "verdict": given.verdict, "fault": given.fault or "", "comment": given.comment}
            for given in line.feedback
        ],
        "escalated_by": line.escalated_by,
    }


def _cells(message: dict[str, Any]) -> list[str]:
    feedback = [" ".join(str(part) for part in given.values() if part) for given in message["feedback"]]
    flat = {**message, "feedback": feedback}
    return [_cell(value) for value in flat.values()]


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(cast("list[str]", value))
    return "" if value is None else str(value)


def _rows(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows([[_harmless(cell) for cell in row] for row in rows])
    return written.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _marks(line: Line) -> str:
    answer = line.message.answer
    if answer is None:
        return f", {line.message.status.value}"
    marks = [answer.model, dollars(line.cost) if line.cost else "", "" if answer.covered else "not covered"]
    return "".join(f", {mark}" for mark in marks if mark)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


FORMATS = {
    "jsonl": Format("JSON Lines", "application/x-ndjson", as_json),
    "csv": Format("CSV", "text/csv", as_csv, _rows([COLUMNS])),
    "md": Format("Markdown", "text/markdown", as_markdown),
}
