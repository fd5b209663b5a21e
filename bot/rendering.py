"""What answers look like on every chat platform, before its own markup.

Comes in: events, answers, and how a platform writes a link. Goes out: Markdown. Pure; used by both renderers.
"""

from collections.abc import Callable
from urllib.parse import quote

from core.domain.conversation import Answer, Citation
from core.domain.events import AnswerEvent, Passages, Queued, Searching, Step, TextDelta

WAITING = "_Looking into it…_"
EMPTY = "_The answer is empty._"

STOPPED = "Stopped."

STOP = "Stop"
"""Label of the button under an answer that is being made."""

QUERY_LENGTH = 200

SMALL = {1: "first", 2: "second", 3: "third"}
TEENS = {11, 12, 13}


def progress(event: AnswerEvent, text: str) -> str:
    """What to show while an answer is being made; `text` is what was written so far."""
    match event:
        case Queued(position):
            return f"_You are {ordinal(position)} in line…_"
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


def ordinal(number: int) -> str:
    """A place in line, in words where they are short: first, second, third, 4th, 21st."""
    if number in SMALL:
        return SMALL[number]
    ending = "th" if number % 100 in TEENS else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def with_stop_note(text: str) -> str:
    """What stays of an answer whose asker stopped it: what was written by then."""
    return f"{text}\n\n_{STOPPED}_" if text.strip() else f"_{STOPPED}_"


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
