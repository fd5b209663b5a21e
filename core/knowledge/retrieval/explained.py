"""How a search came to what it found: each ranking with its scores, for people who want to see why.

Comes in: the rankings of one search. Goes out: `Explained`. Made by the retriever, from the same search that answers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core.domain.knowledge import IndexVersion, Passage

LISTED = 10
"""Hits of each ranking that are shown."""


@dataclass(frozen=True)
class Rankings:
    """Scores by passage id, best first, of one search; `pages` by path. `reranked` is empty without a cross-encoder."""

    dense: Mapping[str, float]
    lexical: Mapping[str, float]
    pages: Mapping[str, float]
    fused: Mapping[str, float]
    reranked: Mapping[str, float]

    @property
    def order(self) -> list[str]:
        """Passage ids as they are used: those that were ranked again, then the rest."""
        return [*self.reranked, *(passage for passage in self.fused if passage not in self.reranked)]


@dataclass(frozen=True)
class Hit:
    """A place in a ranking: the passage that stands there, with the score that this ranking gives it."""

    rank: int
    score: float
    passage: Passage


@dataclass(frozen=True)
class Explained:
    """One search: the first hits of each ranking, and the passages that were made of them, best first.

    A hit of `pages` stands for a whole page, by its first passage. Passages carry cosine and calibrated score.
    """

    query: str
    version: IndexVersion
    dense: tuple[Hit, ...]
    lexical: tuple[Hit, ...]
    pages: tuple[Hit, ...]
    fused: tuple[Hit, ...]
    reranked: tuple[Hit, ...]
    passages: tuple[Passage, ...]

    @property
    def score(self) -> float:
        """Of the passage that fits best."""
        return max((passage.score for passage in self.passages), default=0.0)


def first_hits(ranking: Mapping[str, float], read: Callable[[Sequence[str]], Sequence[Passage]]) -> tuple[Hit, ...]:
    """The first hits of a ranking, their passages as `read` gives them."""
    ids = list(ranking)[:LISTED]
    return tuple(
        Hit(rank, ranking[passage_id], passage)
        for rank, (passage_id, passage) in enumerate(zip(ids, read(ids), strict=True), 1)
    )
