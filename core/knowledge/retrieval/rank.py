"""Fuses what the dense and the lexical side found into one ranking, and says how likely it is about the question.

Comes in: ranked ids of passages and of pages, and where each passage stands. Goes out: ranked passage ids; calibrated
scores. Pure. Called by the retriever.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from difflib import get_close_matches

K = 5
"""Of reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009), which gives 1 / (K + rank) for each list.

The authors take 60 for long lists of documents; among pages, of which three to five are shown, the first ranks matter
more (docs/performance.md compares values)."""

WITHIN_PAGE = 1e-3
"""Weight of a passage's own rank beside its page's: it orders the passages of one page."""

TYPO_LENGTH, TYPO_DIFFERENCE, TYPO_RATIO = 5, 2, 0.8
"""Words of this length or more that differ this little in length and this much in letters are the same, mistyped."""

Place = tuple[str, int]


def fuse(
    dense: Iterable[str], lexical: Iterable[str], pages: Iterable[str], places: Mapping[str, Place]
) -> dict[str, float]:
    """Passage ids with their scores, best first, by reciprocal rank fusion of three lists.

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
    return dict(sorted(scores.items(), key=lambda row: (-row[1], row[0])))


def pages_of(passages: Sequence[str], places: Mapping[str, Place]) -> list[str]:
    """The distinct pages of ranked passages, best first."""
    return list(dict.fromkeys(places[passage][0] for passage in passages))


@dataclass(frozen=True)
class Evidence:
    """What speaks for a passage being about a question.

    `similarity` is the cosine of both, `covered` the share of the question's weight that the passage speaks of (see
    `coverage`), `words` the number of distinct terms of the question.
    """

    similarity: float
    covered: float
    words: int

    @property
    def probability(self) -> float:
        """How likely it is, 0..1, that the passage is about the question.

        A logistic regression over golden questions, which `bench/calibration.py` fits. The longer a question is told,
        the less of it any passage repeats: beyond `FEW_WORDS` the number of its words makes up for that.
        """
        told = math.log(max(self.words, FEW_WORDS) / FEW_WORDS)
        return 1 / (1 + math.exp(-(BIAS + SIMILARITY * self.similarity + COVERED * self.covered + TOLD * told)))


FEW_WORDS = 4
BIAS, SIMILARITY, COVERED, TOLD = -6.1, 0.7, 9.0, 3.26


def weight(frequency: int, passages: int) -> float:
    """How much a term says: its inverse document frequency as BM25 takes it."""
    return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))


def coverage(question: Mapping[str, float], text: Iterable[str]) -> float:
    """The share, 0..1, of a question's weight that a text speaks of; weights are those of its terms, see `weight`.

    A word that is nearly like one of the text counts too, so that a typing error costs nothing.
    """
    said = text if isinstance(text, AbstractSet) else set(text)
    total = sum(question.values())
    found = sum(w for term, w in question.items() if term in said or _nearly(term, said))
    return found / total if total else 0.0


def _nearly(term: str, words: Iterable[str]) -> bool:
    """Whether one of the words is the term but for a typing error behind its first letter."""
    if len(term) < TYPO_LENGTH or not term.isalpha():
        return False
    near = [word for word in words if word[0] == term[0] and abs(len(word) - len(term)) <= TYPO_DIFFERENCE]
    return bool(get_close_matches(term, near, n=1, cutoff=TYPO_RATIO))
