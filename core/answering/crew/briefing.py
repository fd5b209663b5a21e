"""The words in which the crew is told its two tasks.

Comes in: the question, what was said before it, and what was found. Goes out: the descriptions of both tasks. Pure;
called by the agent.
"""

import re

from core.answering.engine import Brief
from core.answering.grounding.citations import check_markers
from core.answering.prompts import (
    channel_rules,
    framed_attachments,
    framed_background,
    framed_passages,
    framed_question,
    prompt,
)
from core.domain.knowledge import Passage

REMEMBERED_CHARACTERS = 600
"""Of each earlier message that the crew is shown."""


def research_task(question: str, passages: list[Passage], brief: Brief) -> str:
    """What the researcher is to do with the passages of the first search, which are numbered from 1."""
    return _filled("researcher", question=_asked(question, brief), passages=framed_passages(passages))


def writing_task(question: str, brief: Brief) -> str:
    """What the writer is to do with the notes that CrewAI puts behind this."""
    return "\n\n".join(filter(None, [_filled("writer", question=_asked(question, brief)), channel_rules(brief.rules)]))


def _asked(question: str, brief: Brief) -> str:
    memory = brief.memory
    said = [f"{message.role}: {_plain(message.text)}" for message in memory.recent]
    if memory.summary:
        said.insert(0, memory.summary)
    background = framed_background("\n".join(said)) if said else ""
    return "\n\n".join(filter(None, [framed_question(question), framed_attachments(brief.attachments), background]))


def _plain(text: str) -> str:
    """Without its markers, whose numbers stand for passages of another turn."""
    return check_markers(text, 0)[0][:REMEMBERED_CHARACTERS]


def _filled(name: str, **values: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda place: values[place[1]], prompt(name))
