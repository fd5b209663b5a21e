"""What answers look like on every chat platform, before its own markup.

Comes in: events, answers, and how a platform writes a link. Goes out: Markdown. Pure; used by both renderers.
"""

from collections.abc import Callable
from urllib.parse import quote

from core.domain.conversation import Answer, Citation
from core.domain.events import AnswerEvent, Passages, Searching, Step, TextDelta

WAITING = "_Looking into it…_"
EMPTY = "_The answer is empty._"

QUERY_LENGTH = 200


def progress(event: AnswerEvent, text: str) -> str:
    """What to show while an answer is being made; `text` is what was written so far."""
    match event:
        case TextDelta() if text.strip():
            return text
        case Searching(query):
            return f"_Searching for “{query[:QUERY_LENGTH]}”…_"
        case Passages(passages):
            return f"_Reading {len(passages)} passages…_"
        case Step(who, what):
            return f"_{who}: {what}…_"
        case _:
            return WAITING


def with_footer(text: str, answer: Answer, link: Callable[[str, str], str]) -> str:
    """The text with the answer's note and its sources below; `link` writes a label and an address."""
    lines = [f"_{answer.note}_"] if answer.note else []
    if answer.citations:
        lines.append("**Sources**" if answer.covered else "The nearest pages:")
        lines += [_source(citation, link, numbered=answer.covered) for citation in answer.citations]
    return "\n\n".join([text, "\n".join(lines)]) if lines else text


def _source(citation: Citation, link: Callable[[str, str], str], *, numbered: bool) -> str:
    label = citation.label.replace("[", "(").replace("]", ")")
    written = link(label, quote(citation.address, safe=":/#?&=%@+~"))
    return f"- [{citation.number}] {written}" if numbered else f"- {written}"
