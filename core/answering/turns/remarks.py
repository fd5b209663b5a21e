"""What is said under an answer about the question itself: that it came late, held secrets, had files we cannot read.

Comes in: a question. Goes out: sentences for its asker. Pure but for the clock; called by the runner.
"""

from datetime import timedelta

from core.answering.masking import remark
from core.domain.conversation import Question
from core.storage.ids import now

NEWLY_KNOWN = "This was added to the knowledge base since you asked."

LATE = timedelta(minutes=5)
"""A question that is this old when its turn begins was asked while nobody listened."""


def remarks(question: Question) -> list[str]:
    """The sentences; none for most questions."""
    said = [remark("\n".join([question.text, *(f"{a.name}\n{a.text}" for a in question.attachments)]))]
    said += [attachment.problem for attachment in question.attachments]
    return [lateness(question), newly_known(question), *said]


def newly_known(question: Question) -> str:
    """That a question is answered anew since somebody wrote down what was missing; empty otherwise."""
    return NEWLY_KNOWN if question.event_id.startswith("gap:") else ""


def lateness(question: Question) -> str:
    """That an answer comes late, and by how much; empty when it does not."""
    if question.asked_at is None or (age := now() - question.asked_at) < LATE:
        return ""
    minutes = round(age.total_seconds() / 60)
    ago = f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"  # noqa: PLR2004
    return f"This comes late: you asked {ago} ago, while I was away."
