"""The questions that an index version does worst at, for people who want to know where to begin.

Comes in: the outcomes of an evaluation. Goes out: those with something to mend, the worst first. Pure.
"""

from collections.abc import Sequence

from core.knowledge.evaluation.scoring import Outcome


def weak(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those that were answered or refused wrongly, then those whose pages are not found first; the worst first."""
    flawed = [outcome for outcome in outcomes if not outcome.right or (outcome.answerable and outcome.ndcg < 1)]
    return sorted(flawed, key=lambda outcome: (outcome.right, outcome.ndcg, outcome.id))
