"""Tells how well questions are answered: ranking and refusal, each with a 95% interval.

Comes in: golden questions, and the pages found for each. Goes out: outcomes a question, scores over all of them, and
what got worse between two index versions. Pure; called by the evaluation.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.domain.golden import GoldenQuestion

CUTOFF = 10
"""How many pages count for MRR and nDCG."""

RESAMPLES = 1000
SEED = 20_230_517
"""Any number would do; a fixed one gives the same interval for the same outcomes."""

SHOWN = {
    "recall_at_1": "recall@1",
    "recall_at_3": "recall@3",
    "recall_at_5": "recall@5",
    "mrr": "MRR",
    "ndcg": "nDCG",
    "refused_rightly": "refused rightly",
    "answered_rightly": "answered rightly",
    "refusal_f1": "refusal F1",
    "auc": "AUC",
}
"""The metrics of `Scores` in the order and with the names in which people read them."""

Measure = Literal["recall_at_1", "recall_at_3", "recall_at_5", "reciprocal_rank", "ndcg", "right"]

_Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What came of one question: the pages found, distinct and best first, and what they are worth beside the gold.

    `covered` is whether the assistant would have answered, `score` the calibrated score of its best passage. The
    ranking metrics of a question that is not answerable are 0 and count nowhere.
    """

    id: str
    question: str
    pages: tuple[str, ...]
    covered: bool
    score: float
    answerable: bool
    recall_at_1: float
    recall_at_3: float
    recall_at_5: float
    reciprocal_rank: float
    ndcg: float
    gold: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Answered although answerable, or refused although not: what it did was the right thing."""
        return self.covered == self.answerable

    @property
    def rank(self) -> int | None:
        """Where the first gold page stands; None when it was not found."""
        return round(1 / self.reciprocal_rank) if self.reciprocal_rank else None


@dataclass(frozen=True)
class Metric:
    """A mean over `count` questions, with the bounds of its 95% interval."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Scores:
    """The metrics of one evaluation; None where there was no question to measure it on.

    Ranking, over answerable questions: recall@k is the share of the gold pages in the first k when all are needed,
    else whether one of them is there (also called hit rate or success@k); MRR is the mean of 1/rank of the first gold
    page (Voorhees, TREC-8, 1999); nDCG discounts by log2(rank + 1) (Järvelin and Kekäläinen, ACM TOIS 20, 2002).

    Refusal, where refusing is the positive class: `refused_rightly` is its recall, over unanswerable questions;
    `answered_rightly` its specificity, over answerable ones; `refusal_f1` the harmonic mean of its precision and
    recall (van Rijsbergen, 1979). `auc` is the chance that an answerable question scores higher than one that is
    not, ties counting half: the Mann-Whitney U over the number of pairs (Hanley and McNeil, Radiology 143, 1982).
    """

    recall_at_1: Metric | None
    recall_at_3: Metric | None
    recall_at_5: Metric | None
    mrr: Metric | None
    ndcg: Metric | None
    refused_rightly: Metric | None
    answered_rightly: Metric | None
    refusal_f1: Metric | None
    auc: Metric | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Scores":
        """The scores that `as_dict` gave; a metric that was unknown then is None."""
        return cls(**{name: Metric(**stored[name]) if stored.get(name) else None for name in SHOWN})


@dataclass(frozen=True)
class Difference:
    """A question that fares differently than before."""

    before: Outcome
    after: Outcome

    @property
    def change(self) -> float:
        """Below 0 for a loss. Answering or refusing wrongly weighs as much as losing the first page altogether."""
        rank = self.after.reciprocal_rank - self.before.reciprocal_rank
        return rank + self.after.right - self.before.right


def judge(question: GoldenQuestion, pages: Sequence[str], covered: bool, score: float) -> Outcome:
    """What the `pages` found, best first, are worth for a question. A page that comes again counts once."""
    ranked = tuple(dict.fromkeys(pages))
    gold = set(question.gold)
    hits = [page in gold for page in ranked]
    needed = max(1, len(gold)) if question.need == "all" else 1
    first = next((rank for rank, hit in enumerate(hits[:CUTOFF], start=1) if hit), None)
    return Outcome(
        id=question.id,
        question=question.question,
        pages=ranked,
        covered=covered,
        score=score,
        answerable=bool(gold),
        recall_at_1=_recall(hits, 1, needed),
        recall_at_3=_recall(hits, 3, needed),
        recall_at_5=_recall(hits, 5, needed),
        reciprocal_rank=1 / first if first else 0.0,
        ndcg=_ndcg(hits, needed),
        gold=question.gold,
    )


def score(outcomes: Sequence[Outcome]) -> Scores:
    """All metrics over the outcomes, each with a percentile bootstrap interval (Efron and Tibshirani, 1993).

    Answerable and unanswerable questions are drawn separately, so that every resample has as many of each.
    """
    known = [outcome for outcome in outcomes if outcome.answerable]
    unknown = [outcome for outcome in outcomes if not outcome.answerable]
    answered, refused = _column(known, "covered"), 1 - _column(unknown, "covered")
    return Scores(
        recall_at_1=_mean(_column(known, "recall_at_1")),
        recall_at_3=_mean(_column(known, "recall_at_3")),
        recall_at_5=_mean(_column(known, "recall_at_5")),
        mrr=_mean(_column(known, "reciprocal_rank")),
        ndcg=_mean(_column(known, "ndcg")),
        refused_rightly=_mean(refused),
        answered_rightly=_mean(answered),
        refusal_f1=_refusal_f1(answered, refused),
        auc=_auc(_column(known, "score"), _column(unknown, "score")),
    )


def worse(candidate: Scores, live: Scores, tolerance: float) -> list[str]:
    """A sentence for each metric that lost more than `tolerance` against the live version; none: it may be promoted."""
    sentences: list[str] = []
    for field, name in SHOWN.items():
        new: Metric | None = getattr(candidate, field)
        old: Metric | None = getattr(live, field)
        if old and not new:
            sentences.append(f"{name} was {old.value:.2f} and could not be measured any more")
        elif old and new and old.value - new.value > tolerance + 1e-9:  # a fall by exactly the tolerance is allowed
            digits = 2 if f"{old.value:.2f}" != f"{new.value:.2f}" else 4
            sentences.append(f"{name} fell from {old.value:.{digits}f} to {new.value:.{digits}f}")
    return sentences


def compare(before: Sequence[Outcome], after: Sequence[Outcome]) -> list[Difference]:
    """The questions of both whose first gold page moved or that are refused now and not before; worst losses first."""
    changed = [
        Difference(old, new)
        for old, new in _pairs(before, after)
        if old.reciprocal_rank != new.reciprocal_rank or old.covered != new.covered
    ]
    return sorted(changed, key=lambda difference: (difference.change, difference.after.id))


def paired_difference(before: Sequence[Outcome], after: Sequence[Outcome], measure: Measure) -> Metric | None:
    """The mean gain in a measure, question by question; an interval without 0 is more than chance.

    Drawing the questions' differences instead of either side alone takes out what makes a question hard for both
    (paired bootstrap; Koehn, EMNLP 2004). `right` is over all questions, the ranking ones over answerable questions.
    """
    pairs = [pair for pair in _pairs(before, after) if pair[1].answerable or measure == "right"]
    return _mean(_column([new for _, new in pairs], measure) - _column([old for old, _ in pairs], measure))


def _recall(hits: Sequence[bool], k: int, needed: int) -> float:
    return min(sum(hits[:k]), needed) / needed


def _ndcg(hits: Sequence[bool], needed: int) -> float:
    """Where one page is enough, only the first one found gains: a second adds nothing for who asked."""
    gains = [1 / math.log2(rank + 1) for rank in range(1, CUTOFF + 1)]
    found = [gain for gain, hit in zip(gains, hits, strict=False) if hit]
    return sum(found[:needed]) / sum(gains[:needed])


def _column(outcomes: Sequence[Outcome], name: Measure | Literal["covered", "score"]) -> _Vector:
    return np.array([getattr(outcome, name) for outcome in outcomes], dtype=np.float64)


def _pairs(before: Sequence[Outcome], after: Sequence[Outcome]) -> list[tuple[Outcome, Outcome]]:
    old = {outcome.id: outcome for outcome in before}
    return [(old[outcome.id], outcome) for outcome in after if outcome.id in old]


def _draws(size: int, stream: int = 0) -> NDArray[np.int64]:
    """How often each of `size` questions is in each resample. Another `stream` is drawn independently."""
    return np.random.default_rng([SEED, stream]).multinomial(size, np.full(size, 1 / size), size=RESAMPLES)


def _metric(value: float, samples: _Vector, count: int) -> Metric:
    low, high = np.percentile(samples, [2.5, 97.5])
    return Metric(float(value), float(low), float(high), count)


def _mean(values: _Vector) -> Metric | None:
    size = len(values)
    return _metric(values.sum() / size, _draws(size) @ values / size, size) if size else None


def _refusal_f1(answered: _Vector, refused: _Vector) -> Metric | None:
    if not refused.size:
        return None
    wrong = 1 - answered
    drawn = _draws(wrong.size) @ wrong if wrong.size else np.zeros(RESAMPLES)
    rightly = _draws(refused.size, stream=1) @ refused
    samples = 2 * rightly / (rightly + drawn + refused.size)
    value = 2 * refused.sum() / (refused.sum() + wrong.sum() + refused.size)
    return _metric(value, samples, answered.size + refused.size)


def _auc(known: _Vector, unknown: _Vector) -> Metric | None:
    pairs = known.size * unknown.size
    if not pairs:
        return None
    higher = (known[:, None] > unknown) + 0.5 * (known[:, None] == unknown)
    samples = ((_draws(known.size) @ higher) * _draws(unknown.size, stream=1)).sum(axis=1) / pairs
    return _metric(higher.sum() / pairs, samples, known.size + unknown.size)
