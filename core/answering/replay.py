"""Answers a question once more, as it would be answered now, and says what differs from what was said then.

Comes in: the id of a message. Goes out: both answers and their differences; nothing is stored. Called by HTTP, and by
the command through it.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from difflib import unified_diff

from core.answering.engine import Brief, Engine
from core.domain.conversation import Answer, Mode, Told, Trace
from core.domain.events import Completed
from core.errors import AssistantError, UnknownTurn
from core.storage.turns import Turns


@dataclass(frozen=True)
class Difference:
    """Something that was one way then and is another way now."""

    what: str
    then: str
    now: str


@dataclass(frozen=True)
class Replay:
    """What was said, what would be said now, and how they differ. `text` is a unified diff, line by line."""

    told: Told
    answer: Answer
    differences: tuple[Difference, ...]
    text: tuple[str, ...]


class Replayer:
    """Runs answered questions again, on the engines that answer new ones."""

    def __init__(self, turns: Turns, engines: Callable[[], Awaitable[dict[Mode, Engine]]]) -> None:
        self._turns = turns
        self._engines = engines

    async def replay(self, message_id: str) -> Replay:
        """Answers the question of a message again; `message_id` is of the answer or its question, or the end of one.

        Raises UnknownTurn when there is no such answer, or more than one; ModelError and KnowledgeError as turns do.
        """
        told = await self._turns.told(message_id)
        if told is None:
            raise UnknownTurn(f"There is no single answer whose id ends in {message_id!r}. `history` shows the ids.")
        engine = (await self._engines())[told.question.mode]
        async with aclosing(
            engine.run(Brief(told.question.text, told.memory, attachments=told.question.attachments))
        ) as events:
            async for event in events:
                if isinstance(event, Completed):
                    return compare(told, event.answer)
        raise AssistantError("The question was not answered.")


def compare(told: Told, answer: Answer) -> Replay:
    """How an answer differs from the one that was told."""
    then, now = told.answer, answer
    pairs = {
        **{what: (of(then.trace), of(now.trace)) for what, of in _TRACED.items()},
        "model": (then.model, now.model),
        "covered": (_yes(then.covered), _yes(now.covered)),
        "cited": (_cited(then), _cited(now)),
        "tools": (_tools(then), _tools(now)),
    }
    differences = [Difference(what, *pair) for what, pair in pairs.items() if pair[0] != pair[1]]
    differences += _parameters(then.trace, now.trace)
    text = unified_diff(then.text.splitlines(), now.text.splitlines(), "then", "now", lineterm="")
    return Replay(told, answer, tuple(differences), tuple(text))


def _index(trace: Trace) -> str:
    return f"{trace.index_version[-8:]}, revision {trace.index_revision}" if trace.index_version else "unknown"


def _passages(trace: Trace) -> str:
    return "\n".join(f"{n}. {p.score:.2f} {p.title} [{p.id[:8]}]" for n, p in enumerate(trace.passages, 1))


def _prompts(trace: Trace) -> str:
    return ", ".join(dict.fromkeys(call.prompt for call in trace.calls))


_TRACED: dict[str, Callable[[Trace], str]] = {
    "index": _index,
    "searched for": lambda trace: trace.query,
    "passages": _passages,
    "prompts": _prompts,
    "model calls": lambda trace: str(len(trace.calls)),
}


def _parameters(then: Trace, now: Trace) -> Iterator[Difference]:
    for name in sorted(then.parameters.keys() | now.parameters.keys()):
        before, after = (str(trace.parameters.get(name, "-")) for trace in (then, now))
        if before != after:
            yield Difference(name, before, after)


def _yes(covered: bool) -> str:
    return "yes" if covered else "no"


def _cited(answer: Answer) -> str:
    return "\n".join(f"[{citation.number}] {citation.label}" for citation in answer.citations)


def _tools(answer: Answer) -> str:
    return "\n".join(f"{call.name} {call.arguments}" for call in answer.tool_calls)
