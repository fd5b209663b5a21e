"""Reads what members of the crew say in the format that CrewAI asks of agents: Thought, Action, Final Answer.

Comes in: the text of a reply, whole or as far as it has come. Goes out: an act, or the answer in it. Pure; asked by the
members. CrewAI's own parser cuts an answer that quotes these words, as pages on agents do, so it is not left to it.
"""

import re
from dataclasses import dataclass

ANSWER = "Final Answer:"

_OPENINGS = ("Thought:", ANSWER)
_OBSERVATION = re.compile(r"\s*\nObservation:")
_ACT = re.compile(r"Action\s*\d*\s*:\s*(.*?)\s*Action\s*\d*\s*Input\s*\d*\s*:\s*(.*)", re.DOTALL)


@dataclass(frozen=True)
class Act:
    """A tool that the researcher wants to use: `text` as CrewAI reads it, `wish` to compare it with others."""

    text: str
    wish: str


def read(text: str) -> Act | str:
    """The act that a researcher's reply asks for, or the answer that it gives.

    An observation in it was made up by the model, so an act ends before that.
    """
    said = _OBSERVATION.split(text, maxsplit=1)[0]
    if ANSWER in said:
        return text.partition(ANSWER)[2].strip()
    if act := _ACT.search(said):
        return Act(said, " ".join(f"{act[1]} {act[2]}".casefold().split()))
    return text.partition(ANSWER)[2].strip() or text.strip()


def answering(text: str) -> bool:
    """Whether a researcher's reply, as far as it has come, has turned to its answer."""
    return ANSWER in text


def answer_so_far(text: str) -> str:
    """The part of a writer's reply that is its answer; empty while that cannot be told.

    A writer is asked for no format, so all of its reply is the answer, unless it thinks aloud first.
    """
    said = text.lstrip()
    if said.startswith(_OPENINGS):
        return said.partition(ANSWER)[2].lstrip()
    return "" if any(opening.startswith(said) for opening in _OPENINGS) else said


def whole_answer(text: str) -> str:
    """The answer in a writer's reply that has ended."""
    return (answer_so_far(text) or text).strip()
