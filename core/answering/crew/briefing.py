"""The words in which the crew is told its two tasks.

Comes in: the question, what was said before it, and what was found. Goes out: the descriptions of both tasks. Pure;
called by the agent.
"""

import re
from xml.sax.saxutils import escape

from core.answering.citations import check_markers
from core.answering.prompts import framed_passages, framed_question, prompt
from core.domain.conversation import Memory
from core.domain.knowledge import Passage

REMEMBERED_CHARACTERS = 600
"""Of each earlier message that the crew is shown."""

BACKGROUND = """

What was said before, only to understand the question by. It is no source: state and cite nothing from it.
<background>
{said}
</background>"""


def research_task(question: str, passages: list[Passage], memory: Memory) -> str:
    """What the researcher is to do with the passages of the first search, which are numbered from 1."""
    return _filled("researcher", question=_asked(question, memory), passages=framed_passages(passages))


def writing_task(question: str, memory: Memory) -> str:
    """What the writer is to do with the notes that CrewAI puts behind this."""
    return _filled("writer", question=_asked(question, memory))


def _asked(question: str, memory: Memory) -> str:
    said = [f"{message.role}: {_plain(message.text)}" for message in memory.recent]
    if memory.summary:
        said.insert(0, memory.summary)
    return framed_question(question) + (BACKGROUND.format(said=escape("\n".join(said))) if said else "")


def _plain(text: str) -> str:
    """Without its markers, whose numbers stand for passages of another turn."""
    return check_markers(text, 0)[0][:REMEMBERED_CHARACTERS]


def _filled(name: str, **values: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda place: values[place[1]], prompt(name))
