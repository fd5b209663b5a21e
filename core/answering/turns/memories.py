"""What a turn remembers of its conversation, at the same cost however long that is.

Comes in: the messages that are not condensed yet. Goes out: the recent ones, whole, within a budget of tokens; and,
from time to time, one summary of what was before them, which is stored. Called by the turn runner.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from core.answering.bill import Bill, unbilled
from core.domain.conversation import Asked, Memory, Message
from core.storage.turns import MEMORY_MESSAGES, Turns

CHARACTERS = 4
"""A token has about four of them; near enough for a budget, whatever the model."""

CONDENSE_AT = 2
"""Budgets' worth of messages from which the older ones are condensed: often enough, and not after each turn."""


class Condenser(Protocol):
    """Something that makes a summary longer by messages, without making it long."""

    async def condense(self, summary: str, messages: Sequence[Message], bill: Bill = unbilled) -> str:
        """The summary of all that was said up to the last of the messages. Raises ModelError."""
        ...


class Memories:
    """The memory of all conversations. `budget` is in tokens."""

    def __init__(self, turns: Turns, load_condenser: Callable[[], Condenser], budget: int) -> None:
        self._turns = turns
        self._load_condenser = load_condenser
        self._budget = budget

    def recall(self, memory: Memory) -> Memory:
        """The memory with only the newest messages that fit into the budget; the last exchange always does."""
        return replace(memory, recent=memory.recent[_first_that_fits(memory.recent, self._budget) :])

    async def condense(self, asked: Asked, memory: Memory, bill: Bill = unbilled) -> bool:
        """Condenses what no longer fits, once it is much. `memory` is as stored before the turn. Raises ModelError."""
        size = sum(map(tokens, memory.recent))
        if size <= CONDENSE_AT * self._budget and len(memory.recent) < MEMORY_MESSAGES // CONDENSE_AT:
            return False
        older = memory.recent[: _first_that_fits(memory.recent, self._budget)]
        if not older:
            return False
        summary = await self._load_condenser().condense(memory.summary, older, bill)
        await self._turns.condense(asked.question.event_id, summary, older[-1].turn)
        return True


def tokens(message: Message) -> int:
    """About as many tokens as a message has."""
    return len(message.text) // CHARACTERS + 1


def _first_that_fits(messages: Sequence[Message], budget: int) -> int:
    """From where on messages fit, beginning with a question; of the last exchange each is cut where it is used."""
    first, left = len(messages), budget
    while first > 0 and (left := left - tokens(messages[first - 1])) >= 0:
        first -= 1
    first = min(first, _last_question(messages))
    while first < len(messages) and messages[first].role != "user":
        first += 1
    return first


def _last_question(messages: Sequence[Message]) -> int:
    return next((i for i in range(len(messages) - 1, -1, -1) if messages[i].role == "user"), len(messages))
