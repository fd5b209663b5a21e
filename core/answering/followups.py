"""Makes a follow-up searchable: "and on S3?" is looked up together with what it follows.

Comes in: the question and the transcript before it. Goes out: the words to search for. Pure.
"""

import re

from core.answering.masking import without_masks
from core.domain.conversation import Message

SHORT = 3
"""Words up to which a question that follows another one is taken to lean on it."""

_LEANING = re.compile(
    r"^(and|but|or|what about|how about|also|same)\b"
    r"|\b(it|its|that|this|these|those|them|they|there|one)\b",
    re.IGNORECASE,
)


def search_query(question: str, transcript: list[Message], attached: str = "") -> str:
    """What to search for: the question, behind the last one that stood on its own when it leans on that.

    `attached` are the words of its attachments that are worth searching for.
    """
    question = " ".join(filter(None, [without_masks(question), without_masks(attached)]))
    asked = [without_masks(message.text) for message in transcript if message.role == "user"]
    if not asked or not _leans(question):
        return question
    base = next((earlier for earlier in reversed(asked) if not _leans(earlier)), asked[0])
    return f"{base} {question}"


def _leans(question: str) -> bool:
    return len(question.split()) <= SHORT or _LEANING.search(question) is not None
