"""Checks what an answer cites against what was retrieved.

Comes in: a model's text and the passages of the turn, numbered from 1. Goes out: an `Answer` whose every [n] stands
for a passage that was really there and supports what it stands behind, or an honest "not covered" with the nearest
pages. Called by both engines.
"""

import re
from collections.abc import Sequence

from core.answering.grounding.support import Policy, check
from core.answering.prompts import NOT_COVERED
from core.domain.conversation import Answer, Citation, Mode, ToolCall
from core.domain.knowledge import Passage
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE

NEAREST = 3
"""Pages named when the knowledge base does not cover a question."""

QUOTE_LENGTH = 600

NOT_COVERED_TEXT = "The knowledge base does not cover this."
UNCITED_NOTE = "The model cited no source. These are the passages that it was given."

_NUMBERS = r"\d{1,3}(?:\s*,\s*\d{1,3})*"
_MARKER = re.compile(rf"([ \t]*)((?:\[{_NUMBERS}\])+)(?!\(|\[(?!\d))")
"""Numbers in brackets, side by side, that are no link and no reference."""

_LEFT_ALONE = re.compile(
    r"(```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|(?<!`)(?:``(?!`)[^\n]*?``|`[^`\n]*`)(?!`)|^ {0,3}\[[^\]\n]+\]:[^\n]*)",
    re.DOTALL | re.MULTILINE,
)
"""Code, and the definitions of links and footnotes."""


def conclude(
    text: str,
    passages: Sequence[Passage],
    tool_calls: Sequence[ToolCall],
    *,
    mode: Mode,
    model: str,
    question: str = "",
    unsupported: Policy = "mark",
) -> Answer:
    """The answer that a model's text amounts to, with citations that were checked, sentence by sentence.

    `unsupported` says what becomes of a sentence that neither a passage nor a calculation supports (see
    `core.answering.grounding.support`); the numbers and names of the `question` may be repeated without support.
    """
    checked, numbers = check_markers(text, len(passages))
    if NOT_COVERED not in checked:
        sums = [call for call in tool_calls if call.name == "calculate"]
        named = " ".join((question, *(call.arguments for call in sums)))
        results = [call.result for call in sums]
        text = check(checked, passages, question=named, calculated=results, policy=unsupported).text
        checked, numbers = check_markers(text, len(passages))
    calls = tuple(tool_calls)
    calculated = any(call.name == "calculate" for call in calls)
    supported = any(passage.score >= SUPPORTING_SCORE for passage in passages)
    nothing = not checked or NOT_COVERED in checked
    if nothing or not (numbers or calculated or supported):
        return Answer(NOT_COVERED_TEXT, _nearest(passages), calls, covered=False, mode=mode, model=model)
    if numbers or calculated:
        citations = tuple(cite(passages[number - 1], number) for number in numbers)
        return Answer(checked, citations, calls, mode=mode, model=model)
    backing = [(n, p) for n, p in enumerate(passages, 1) if p.score >= SUPPORTING_SCORE][:NEAREST]
    citations = tuple(cite(passage, number) for number, passage in backing)
    return Answer(checked, citations, calls, mode=mode, model=model, note=UNCITED_NOTE)


def check_markers(text: str, available: int) -> tuple[str, list[int]]:
    """The text without markers that stand for nothing, and the numbers that remain. Code is left alone."""
    used: set[int] = set()

    def kept(marker: re.Match[str]) -> str:
        numbers = [int(number) for number in re.findall(r"\d+", marker.group(2))]
        real = [number for number in numbers if 1 <= number <= available]
        used.update(real)
        space = " " if marker.group(1) and real else ""
        return space + "".join(f"[{number}]" for number in real)

    parts = _LEFT_ALONE.split(text)
    parts[::2] = [_MARKER.sub(kept, prose) for prose in parts[::2]]
    return "".join(parts).strip(), sorted(used)


def cite(passage: Passage, number: int) -> Citation:
    """A citation of a passage under a number."""
    return Citation(
        number=number,
        passage_id=passage.id,
        title=passage.title,
        heading_path=passage.heading_path,
        address=passage.address,
        score=passage.score,
        quote=passage.text[:QUOTE_LENGTH],
    )


def _nearest(passages: Sequence[Passage]) -> tuple[Citation, ...]:
    best: dict[str, Passage] = {}
    for passage in sorted(passages, key=lambda passage: -passage.score):
        best.setdefault(passage.document, passage)
    return tuple(cite(passage, number) for number, passage in enumerate(list(best.values())[:NEAREST], 1))
