"""What language models may cost a day: for a person, a channel, a workspace.

Comes in: questions, and what their answers cost. Goes out: whether a model may still be asked, and a warning when most
of a budget is used up. A day is one of UTC. Called by the service.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.domain.conversation import ModelCall, Question
from core.storage.ids import now
from core.storage.spending import Account, Spending

WARN_AT = 0.8
"""Share of a budget from which askers are warned."""

MICRO = 1_000_000
"""Micro-dollars a dollar."""

OWNERS = {"user": "Your", "channel": "This channel's", "workspace": "This workspace's"}


@dataclass(frozen=True)
class Allowance:
    """`spent` says why no model may be asked any more, `warning` that this is near; empty when all is well."""

    spent: str = ""
    warning: str = ""


class Budgets:
    """The limits in micro-dollars a day, by scope; a scope without a limit is only counted."""

    def __init__(self, spending: Spending, limits: Mapping[str, int]) -> None:
        self._spending = spending
        self._limits = limits

    async def allowance(self, question: Question) -> Allowance:
        """What is left for a question."""
        limited = [account for account in accounts(question) if account[0] in self._limits]
        if not limited:
            return Allowance()
        spent = await self._spending.spent(now().date(), limited)
        warning = ""
        for scope, key in limited:
            used, limit = spent.get((scope, key), 0), self._limits[scope]
            if used >= limit:
                return Allowance(spent=f"{OWNERS[scope]} budget for today is used up")
            if used >= WARN_AT * limit:
                warning = warning or f"{OWNERS[scope]} budget for today is used up to {used / limit:.0%}."
        return Allowance(warning=warning)

    async def charge(self, question: Question, calls: Iterable[ModelCall]) -> None:
        """Counts what calls for a question cost, whether or not they led to an answer."""
        bill = [call for call in calls if call.cost]
        if bill:
            tokens = sum(call.tokens_in + call.tokens_out for call in bill)
            await self._spending.add(now().date(), accounts(question), sum(call.cost for call in bill), tokens)


def accounts(question: Question) -> list[Account]:
    """Who pays for a question; a person or a channel that has no name pays nothing."""
    session = question.session
    workspace = f"{session.platform}:{session.workspace}"
    named = {"user": question.author, "channel": session.channel}
    mine: list[Account] = [(scope, f"{workspace}:{name}") for scope, name in named.items() if name]
    return [*mine, ("workspace", workspace)]
