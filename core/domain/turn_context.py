"""Which turn the code at hand works for, so that logs and traces can say so. Standard library only.

A context variable: tasks and threads that a turn begins inherit it. Set where a turn enters a task: by the service, the
runner, and the work of the channels.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from core.domain.conversation import Question


@dataclass(frozen=True)
class TurnContext:
    """The id of a turn, which is that of its event, and as far as it is known where it was asked."""

    turn: str
    platform: str = ""
    session: str = ""


_current: ContextVar[TurnContext | None] = ContextVar("turn", default=None)


def current_turn() -> TurnContext | None:
    """The turn that is worked for, if any."""
    return _current.get()


@contextmanager
def working_on(turn: Question | str) -> Generator[None]:
    """Says that the block works for a question, or for the turn of an event whose question is not known yet."""
    if isinstance(turn, str):
        context = TurnContext(turn)
    else:
        key = turn.session
        session = "/".join(part for part in (key.workspace, key.channel, key.thread) if part)
        context = TurnContext(turn.event_id, key.platform, session)
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
