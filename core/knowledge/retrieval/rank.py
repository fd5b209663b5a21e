"""Fuses what the dense and the lexical side found into one ranking, and says how likely it is about the question.

Comes in: ranked ids of passages and of pages, and where each passage stands. Goes out: ranked passage ids; calibrated
scores. Pure. Called by the retriever.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

K = 10
"""Of reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009), which gives 1 / (K + rank) for each list."""

WITHIN_PAGE = 1e-3
"""Weight of a passage's own rank beside its page's: it orders the passages of one page."""

Place = tuple[str, int]


def fuse(dense: Iterable[str], lexical: Iterable[str], pages: Iterable[str], places: Mapping[str, Place]) -> list[str]:
    """Passage ids, best first, by reciprocal rank fusion of three lists.

    In the lists of passages a page counts once, where its best passage stands: a page of many like passages would push
    every other page down otherwise. The list of pages lifts the passages of a page that speaks of all of the question.
    """
    scores: dict[str, float] = defaultdict(float)
    for ranked in (dense, lexical):
        page_ranks: dict[str, int] = {}
        for rank, passage in enumerate((p for p in ranked if p in places), 1):
            page_rank = page_ranks.setdefault(places[passage][0], len(page_ranks) + 1)
            scores[passage] += 1 / (K + page_rank) + WITHIN_PAGE / (K + rank)
    ranks = {path: rank for rank, path in enumerate(pages, 1)}
    for passage in scores:
        rank = ranks.get(places[passage][0])
        scores[passage] += 1 / (K + rank) if rank else 0.0
    return sorted(scores, key=lambda passage: (-scores[passage], passage))


def pages_of(passages: Sequence[str], places: Mapping[str, Place]) -> list[str]:
    """The distinct pages of ranked passages, best first."""
    return list(dict.fromkeys(places[passage][0] for passage in passages))


def coverage(question: Mapping[str, float], text: Iterable[str]) -> float:
    """The share, 0..1, of a question's weight that a text speaks of; weights are those of its terms, see `weight`."""
    said = set(text)
    total = sum(question.values())
    return sum(weight for term, weight in question.items() if term in said) / total if total else 0.0


def weight(frequency: int, passages: int) -> float:
    """How much a term says: its inverse document frequency as BM25 takes it."""
    return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))


def probability(similarity: float, covered: float) -> float:
    """How likely it is, 0..1, that a passage is about a question, from its cosine and its coverage."""
    return 1 / (1 + math.exp(-(BIAS + SIMILARITY * similarity + COVERED * covered)))


BIAS, SIMILARITY, COVERED = -6.0, 8.0, 4.0
"""Logistic regression over golden questions; `bench/calibration.py` fits it and says how well it tells them apart."""
