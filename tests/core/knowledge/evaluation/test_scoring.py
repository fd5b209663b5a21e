"""Scoring an evaluation: figures worked out by hand, laws that hold for any ranking, and files that cannot be read."""

import dataclasses
import importlib.util
import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.golden import GoldenQuestion
from core.errors import InputError
from core.knowledge.evaluation.golden import read_questions
from core.knowledge.evaluation.scoring import (
    SHOWN,
    Metric,
    Outcome,
    Scores,
    compare,
    judge,
    paired_difference,
    score,
    worse,
)
from core.knowledge.evaluation.weak import weak
from core.settings import ROOT

CORPUS = ROOT.parent / "shared" / "corpus"
LETTERS = "abcdefghijklmn"

pages = st.lists(st.sampled_from(LETTERS), max_size=16)
questions = st.builds(
    GoldenQuestion,
    id=st.just("q"),
    question=st.just("Why?"),
    gold=st.lists(st.sampled_from(LETTERS), min_size=1, max_size=12, unique=True).map(tuple),
    need=st.sampled_from(["any", "all"]),
)


def golden(*gold: str, need: str = "any", name: str = "q") -> GoldenQuestion:
    return GoldenQuestion(name, "Why?", gold, need)


def outcome(
    name: str, pages: Sequence[str] = (), *, gold: str = "a", covered: bool = True, best: float = 0.5
) -> Outcome:
    return judge(golden(*gold, name=name), pages, covered, best)


def ranking(result: Outcome) -> tuple[float, ...]:
    return (result.recall_at_1, result.recall_at_3, result.recall_at_5, result.reciprocal_rank, result.ndcg)


def measured(scores: Scores) -> dict[str, Metric]:
    return {name: getattr(scores, name) for name in SHOWN if getattr(scores, name)}


def values(scores: Scores) -> dict[str, float]:
    return {name: metric.value for name, metric in measured(scores).items()}


def some_outcomes(count: int, seed: int) -> list[Outcome]:
    rng = np.random.default_rng(seed)
    return [
        outcome(
            f"q{n}",
            rng.permutation(list(LETTERS))[:8].tolist(),
            gold=str(rng.choice(["a", "ab", ""])),
            covered=bool(rng.random() < 0.7),
            best=float(rng.choice([0.2, 0.4, 0.6, 0.8])),
        )
        for n in range(count)
    ]


def test_one_page_is_enough_and_the_first_one_counts() -> None:
    assert ranking(judge(golden("a", "b"), ["x", "b", "a"], True, 0.9)) == (0, 1, 1, 1 / 2, 1 / math.log2(3))


def test_all_pages_are_needed_and_their_share_counts() -> None:
    found = judge(golden("a", "b", need="all"), ["a", "x", "y", "b"], True, 0.9)
    ndcg = (1 + 1 / math.log2(5)) / (1 + 1 / math.log2(3))
    assert ranking(found) == pytest.approx((1 / 2, 1 / 2, 1, 1, ndcg))


def test_page_that_comes_again_counts_once() -> None:
    found = judge(golden("b"), ["a", "a", "a", "b"], True, 0.9)
    assert found.pages == ("a", "b")
    assert found.reciprocal_rank == 1 / 2


def test_gold_page_behind_the_tenth_place_is_not_found() -> None:
    assert ranking(judge(golden("k"), list("abcdefghijk"), True, 0.9)) == (0, 0, 0, 0, 0)


def test_question_without_gold_pages_is_not_answerable() -> None:
    found = judge(golden(), ["a"], False, 0.1)
    assert not found.answerable
    assert found.right
    assert ranking(found) == (0, 0, 0, 0, 0)


@given(questions, pages)
def test_metrics_of_a_question_are_shares(question: GoldenQuestion, found: list[str]) -> None:
    result = judge(question, found, True, 0.5)
    assert all(0 <= value <= 1 + 1e-9 for value in ranking(result))
    assert result.recall_at_1 <= result.recall_at_3 <= result.recall_at_5


@given(questions, pages)
def test_gold_pages_first_are_the_perfect_ranking(question: GoldenQuestion, others: list[str]) -> None:
    best = judge(question, [*question.gold, *others], True, 0.5)
    assert best.reciprocal_rank == 1
    assert best.ndcg == pytest.approx(1)
    assert best.ndcg >= judge(question, [*others, *question.gold], True, 0.5).ndcg - 1e-9


@given(questions, pages, st.sampled_from("xyz"))
def test_page_beside_the_point_in_front_never_helps(question: GoldenQuestion, found: list[str], noise: str) -> None:
    plain, pushed = judge(question, found, True, 0.5), judge(question, [noise, *found], True, 0.5)
    assert all(after <= before + 1e-9 for before, after in zip(ranking(plain), ranking(pushed), strict=True))


def test_scores_worked_out_by_hand() -> None:
    scores = score(
        [
            outcome("1", ["a"], best=0.9),
            outcome("2", ["x", "a"], best=0.6),
            outcome("3", ["x"], best=0.4, covered=False),
            outcome("4", ["x"], gold="", best=0.6),
            outcome("5", ["x"], gold="", best=0.1, covered=False),
        ]
    )
    assert values(scores) == pytest.approx(
        {
            "recall_at_1": 1 / 3,
            "recall_at_3": 2 / 3,
            "recall_at_5": 2 / 3,
            "mrr": (1 + 1 / 2) / 3,
            "ndcg": (1 + 1 / math.log2(3)) / 3,
            "refused_rightly": 1 / 2,
            "answered_rightly": 2 / 3,
            "refusal_f1": 1 / 2,  # one of two refusals was right, one of two refused
            "auc": (2 + 1.5 + 1) / 6,  # one of the six pairs is a tie
        }
    )
    assert {name: metric.count for name, metric in measured(scores).items()} == {
        **dict.fromkeys(["recall_at_1", "recall_at_3", "recall_at_5", "mrr", "ndcg", "answered_rightly"], 3),
        "refused_rightly": 2,
        **dict.fromkeys(["refusal_f1", "auc"], 5),
    }


def test_refusing_everything_is_no_skill() -> None:
    scores = score([outcome(f"q{n}", gold="a" if n < 8 else "", covered=False) for n in range(10)])
    assert values(scores)["refused_rightly"] == 1
    assert values(scores)["answered_rightly"] == 0
    assert values(scores)["refusal_f1"] == pytest.approx(2 * 0.2 / 1.2)
    assert values(scores)["auc"] == 0.5


def test_what_was_not_asked_is_not_measured() -> None:
    ranked = {"recall_at_1", "recall_at_3", "recall_at_5", "mrr", "ndcg"}
    assert measured(score([])) == {}
    assert measured(score([outcome("1", ["a"])])).keys() == {*ranked, "answered_rightly"}
    assert values(score([outcome("1", gold="", covered=False)])) == {"refused_rightly": 1, "refusal_f1": 1}


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), st.integers(0, 1000))
def test_every_interval_holds_shares_in_order(count: int, seed: int) -> None:
    for metric in measured(score(some_outcomes(count, seed))).values():
        assert 0 <= metric.low <= metric.high <= 1 + 1e-9
        assert 0 <= metric.value <= 1 + 1e-9


def test_interval_of_a_share_is_the_textbook_one() -> None:
    outcomes = [outcome(f"q{n}", ["a"] if n < 80 else ["x"]) for n in range(100)]
    metric = measured(score(outcomes))["recall_at_1"]
    error = math.sqrt(0.8 * 0.2 / 100)
    assert (metric.low, metric.high) == pytest.approx((0.8 - 1.96 * error, 0.8 + 1.96 * error), abs=0.02)


def test_more_questions_make_a_narrower_interval() -> None:
    few, many = score(some_outcomes(20, 1)).auc, score(some_outcomes(200, 1)).auc
    assert few
    assert many
    assert many.high - many.low < few.high - few.low


def test_both_kinds_of_question_are_drawn_independently() -> None:
    """With as many of each, one and the same draw for both would pair them up and hide half of the chance."""
    outcomes = [outcome(f"k{n}", best=n / 10) for n in range(10)] + [
        outcome(f"u{n}", gold="", best=n / 10) for n in range(10)
    ]
    auc = score(outcomes).auc
    assert auc
    assert auc.value == 0.5
    assert auc.high - auc.low > 0.3


def test_same_outcomes_give_the_same_intervals() -> None:
    assert score(some_outcomes(40, 3)) == score(some_outcomes(40, 3))


def test_outcomes_all_alike_give_a_point_interval() -> None:
    assert score([outcome("1", ["a"]), outcome("2", ["a"])]).mrr == Metric(1, 1, 1, 2)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=25))
@settings(max_examples=30, deadline=None)
def test_auc_is_the_share_of_pairs_in_the_right_order(drawn: list[tuple[bool, int]]) -> None:
    outcomes = [outcome(str(n), gold="a" if known else "", best=at / 5) for n, (known, at) in enumerate(drawn)]
    known = [at for is_known, at in drawn if is_known]
    unknown = [at for is_known, at in drawn if not is_known]
    wins = [(a > b) + (a == b) / 2 for a, b in itertools.product(known, unknown)]
    assert values(score(outcomes)).get("auc") == (pytest.approx(sum(wins) / len(wins)) if wins else None)


def test_scores_survive_json() -> None:
    for scores in (score(some_outcomes(30, 5)), score([])):
        assert Scores.from_dict(json.loads(json.dumps(scores.as_dict()))) == scores


def test_scores_stored_before_a_metric_existed_can_be_read() -> None:
    stored = {name: value for name, value in score(some_outcomes(30, 5)).as_dict().items() if name != "auc"}
    assert Scores.from_dict({**stored, "long_gone": None}).auc is None


def test_metric_that_fell_by_more_than_the_tolerance_is_named() -> None:
    live = dataclasses.replace(score([]), recall_at_3=Metric(0.91, 0.8, 1, 50), ndcg=Metric(0.8, 0.7, 0.9, 50))
    candidate = dataclasses.replace(live, recall_at_3=Metric(0.78, 0.7, 0.9, 50), ndcg=Metric(0.79, 0.7, 0.9, 50))
    assert worse(candidate, live, 0.02) == ["recall@3 fell from 0.91 to 0.78"]


def test_fall_by_exactly_the_tolerance_is_allowed() -> None:
    live, candidate = (dataclasses.replace(score([]), mrr=Metric(at, 0, 1, 50)) for at in (0.3, 0.1))
    assert worse(candidate, live, 0.2) == []
    assert worse(candidate, live, 0.19) == ["MRR fell from 0.30 to 0.10"]


def test_small_fall_is_shown_with_the_digits_it_takes() -> None:
    live, candidate = (dataclasses.replace(score([]), mrr=Metric(at, 0, 1, 50)) for at in (0.5012, 0.4988))
    assert worse(candidate, live, 0) == ["MRR fell from 0.5012 to 0.4988"]


def test_metric_that_is_missing_now_is_named_and_a_new_one_is_not() -> None:
    less, more = score([outcome("1", ["a"])]), score([outcome("1", ["a"]), outcome("2", gold="", covered=False)])
    assert worse(more, less, 0.02) == []
    assert worse(less, more, 0.02) == [
        "refused rightly was 1.00 and could not be measured any more",
        "refusal F1 was 1.00 and could not be measured any more",
        "AUC was 0.50 and could not be measured any more",
    ]


def test_version_is_not_worse_than_itself() -> None:
    scores = score(some_outcomes(40, 7))
    assert worse(scores, scores, 0) == []


def test_questions_that_fare_differently_come_with_the_worst_loss_first() -> None:
    before = [
        outcome("same", ["a"]),
        outcome("gained", ["x", "a"]),
        outcome("slipped", ["a"]),
        outcome("refused", ["a"]),
        outcome("made up", gold="", covered=False),
        outcome("only before", ["a"]),
    ]
    after = [
        outcome("same", ["a", "x"]),
        outcome("gained", ["a"]),
        outcome("slipped", ["x", "a"]),
        outcome("refused", ["x"], covered=False),
        outcome("made up", gold=""),
        outcome("only after", ["a"]),
    ]
    found = [(difference.after.id, difference.change) for difference in compare(before, after)]
    assert found == [("refused", -2), ("made up", -1), ("slipped", -0.5), ("gained", 0.5)]


def test_paired_difference_is_over_the_questions_of_both() -> None:
    before = [*(outcome(str(n), ["x", "a"]) for n in range(10)), outcome("gone", ["x"])]
    after = [*(outcome(str(n), ["a"]) for n in range(10)), outcome("new", ["x"])]
    assert paired_difference(before, after, "reciprocal_rank") == Metric(0.5, 0.5, 0.5, 10)
    assert paired_difference(before, after, "recall_at_3") == Metric(0, 0, 0, 10)


def test_paired_difference_of_refusal_is_over_all_questions() -> None:
    before = [outcome("1", ["a"]), outcome("2", gold="")]
    after = [outcome("1", ["a"]), outcome("2", gold="", covered=False)]
    right = paired_difference(before, after, "right")
    assert right
    assert (right.value, right.count) == (0.5, 2)
    assert paired_difference(before[1:], after[1:], "ndcg") is None


def test_pairing_sees_a_gain_that_two_intervals_hide() -> None:
    ranks = [["x", "y", "z", "a"], ["a"]]
    before = [outcome(str(n), ranks[n % 2]) for n in range(60)]
    after = [outcome(str(n), ["x", "a"] if n in range(0, 20, 2) else ranks[n % 2]) for n in range(60)]
    old, new, gain = score(before).mrr, score(after).mrr, paired_difference(before, after, "reciprocal_rank")
    assert old
    assert new
    assert gain
    assert new.low < old.high
    assert gain.low > 0


def write(folder: Path, *lines: str) -> Path:
    path = folder / "golden.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_questions_are_read_with_defaults_and_unknown_keys_are_ignored(tmp_path: Path) -> None:
    full = {"id": "2", "question": "Wo?\u2028Da?", "gold": ["a.md", "b.md"], "need": "all", "answer_facts": ["x"]}
    path = write(
        tmp_path,
        '\ufeff{"id": "1", "question": "Why?", "gold": [], "style": "plain", "synthetic": false}\r',
        "",
        json.dumps(full, ensure_ascii=False),
        "",
    )
    assert read_questions(path) == [
        GoldenQuestion("1", "Why?", (), style="plain"),
        GoldenQuestion("2", "Wo?\u2028Da?", ("a.md", "b.md"), "all", ("x",)),
    ]


GOOD = '{"id": "1", "question": "Why?", "gold": []}'


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([GOOD, "{"], r"Line 2 of .*golden\.jsonl is not JSON"),
        ([GOOD, "", "[1]"], r"Line 3 of .*golden\.jsonl is not a JSON object"),
        (['{"question": "Why?", "gold": []}'], r"Line 1 of .* has no valid id"),
        (['{"id": "1", "question": " "}'], r"Line 1 of .* has no valid question, gold"),
        (['{"id": 1, "question": "Why?", "gold": "a.md"}'], r"has no valid id, gold"),
        (['{"id": "1", "question": "Why?", "gold": [1], "answer_facts": null}'], r"has no valid gold, answer_facts"),
        (['{"id": "1", "question": "Why?", "gold": [], "need": "most"}'], r'Line 1 of .* needs "most"'),
        ([GOOD, GOOD], r'Line 2 of .*golden\.jsonl repeats the id "1"'),
        (["", " "], r"golden\.jsonl holds no question"),
    ],
)
def test_file_that_cannot_be_used_is_named_with_its_line(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_questions(write(tmp_path, *lines))


def test_need_of_a_question_without_gold_pages_may_be_none(tmp_path: Path) -> None:
    path = write(tmp_path, '{"id": "1", "question": "Why?", "gold": [], "need": "none"}')
    assert not judge(read_questions(path)[0], ["a"], True, 0.5).answerable


def test_file_that_is_missing_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.jsonl cannot be read"):
        read_questions(tmp_path / "nowhere.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"binary\.jsonl cannot be read"):
        read_questions(tmp_path / "binary.jsonl")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """The script that scores rankings of the shared corpus."""
    if not (CORPUS / "score.py").exists():
        pytest.skip("the shared corpus is not here")
    spec = importlib.util.spec_from_file_location("corpus_score", CORPUS / "score.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@settings(max_examples=300)
@given(questions, pages)
def test_question_is_scored_as_the_corpus_scores_it(
    reference: ModuleType, question: GoldenQuestion, found: list[str]
) -> None:
    theirs = reference.score_one({"gold": list(question.gold), "need": question.need}, found)
    names = ("R@1", "R@3", "R@5", "MRR@10", "nDCG@10")
    assert ranking(judge(question, found, True, 0.5)) == pytest.approx(tuple(theirs[name] for name in names))


def test_corpus_is_scored_as_its_own_script_scores_it(reference: ModuleType) -> None:
    read = read_questions(CORPUS / "dev" / "questions.jsonl")
    every = sorted({page for question in read for page in question.gold})
    rng = np.random.default_rng(0)
    found = {question.id: rng.choice([*every, *question.gold * 20], 15).tolist() for question in read}
    count, total, _ = reference.evaluate(found)
    ours = measured(score([judge(question, found[question.id], True, 0.5) for question in read]))
    names = {"recall_at_1": "R@1", "recall_at_3": "R@3", "recall_at_5": "R@5", "mrr": "MRR@10", "ndcg": "nDCG@10"}
    for field, name in names.items():
        assert ours[field].value == pytest.approx(total[name])
        assert ours[field].count == count


def test_weak_outcomes_are_told_the_worst_first_and_good_ones_are_not() -> None:
    answerable, refusable = GoldenQuestion("known", "?", ("a",)), GoldenQuestion("unknown", "?", ())
    fine, refused = judge(answerable, ["a", "b"], True, 0.9), judge(refusable, ["b"], False, 0.1)
    second = judge(dataclasses.replace(answerable, id="second"), ["b", "a"], True, 0.9)
    shy = judge(dataclasses.replace(answerable, id="shy"), ["a"], False, 0.4)
    lost = judge(dataclasses.replace(answerable, id="lost"), ["b"], False, 0.2)
    bold = judge(dataclasses.replace(refusable, id="bold"), ["b"], True, 0.8)
    found = weak([fine, refused, second, shy, lost, bold])
    assert [(outcome.id, outcome.rank) for outcome in found] == [
        ("bold", None),
        ("lost", None),
        ("shy", 1),
        ("second", 2),
    ]
