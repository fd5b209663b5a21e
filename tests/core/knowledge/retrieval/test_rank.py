"""Fusing ranked lists, and what speaks for a passage."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.knowledge.retrieval.rank import FEW_WORDS, Evidence, K, coverage, fuse, pages_of, weight

PLACES = {f"{page}{n}": (page, n) for page in "abcdef" for n in range(4)}


def ranking(dense: list[str], lexical: list[str], pages: list[str], places: dict[str, tuple[str, int]]) -> list[str]:
    """The passages as they are ranked; their scores fall."""
    fused = fuse(dense, lexical, pages, places)
    assert list(fused.values()) == sorted(fused.values(), reverse=True)
    return list(fused)


def test_what_both_sides_find_comes_before_what_one_finds() -> None:
    assert ranking(["a0", "b0"], ["c0", "b0"], [], PLACES)[0] == "b0"


def test_a_page_with_many_hits_counts_once_in_each_list() -> None:
    crowd = ["a0", "a1", "a2", "a3", "b0"]
    assert ranking(crowd, ["b0"], [], PLACES)[0] == "b0"


def test_passages_of_one_page_keep_the_order_of_their_ranks() -> None:
    assert ranking(["a2", "a0", "a1"], [], [], PLACES) == ["a2", "a0", "a1"]


def test_a_page_that_speaks_of_all_of_the_question_lifts_its_passages() -> None:
    assert ranking(["a0", "b0"], ["b0", "a0"], ["b"], PLACES)[0] == "b0"


def test_a_page_without_a_passage_that_was_found_brings_none() -> None:
    assert ranking(["a0"], [], ["f"], PLACES) == ["a0"]


def test_ids_of_no_page_are_left_out() -> None:
    assert ranking(["gone", "a0"], ["gone"], ["nowhere"], PLACES) == ["a0"]


def test_nothing_found_is_nothing_ranked() -> None:
    assert ranking([], [], [], PLACES) == []


LISTS = st.lists(st.sampled_from(sorted(PLACES)), unique=True)


@given(LISTS, LISTS, st.lists(st.sampled_from("abcdef"), unique=True))
def test_the_ranking_holds_each_passage_found_once(dense: list[str], lexical: list[str], pages: list[str]) -> None:
    ranked = ranking(dense, lexical, pages, PLACES)
    assert sorted(ranked) == sorted({*dense, *lexical})


@given(LISTS)
def test_one_list_alone_keeps_its_order_of_pages(dense: list[str]) -> None:
    assert pages_of(ranking(dense, [], [], PLACES), PLACES) == pages_of(dense, PLACES)


def test_rank_one_of_three_lists_is_worth_three_reciprocal_ranks() -> None:
    alone, thrice = ranking(["a0"], [], [], PLACES), ranking(["b0", "a0"], ["a0"], ["a"], PLACES)
    assert (alone, thrice[0]) == (["a0"], "a0")
    assert 2 / (K + 1) + 1 / (K + 2) > 1 / (K + 1)


def test_pages_are_named_once_in_the_order_of_their_best_passage() -> None:
    assert pages_of(["b2", "a0", "b0", "c1"], PLACES) == ["b", "a", "c"]


def test_rare_terms_weigh_more() -> None:
    assert weight(1, 1000) > weight(100, 1000) > weight(1000, 1000) > 0
    assert weight(0, 10) == pytest.approx(math.log(22))


def test_coverage_is_the_share_of_weight_that_is_spoken_of() -> None:
    assert coverage({"drift": 3.0, "model": 1.0}, ["drift", "other"]) == 0.75
    assert coverage({"drift": 3.0}, []) == 0
    assert coverage({}, ["drift"]) == 0


@pytest.mark.parametrize(
    ("typed", "meant", "covered"),
    [
        ("diffrent", "different", True),
        ("concpet", "concept", True),
        ("drift", "drift", True),
        ("drif", "draft", False),
        ("kserve", "kubeflow", False),
        ("log_model", "log_models", False),
    ],
)
def test_words_typed_wrong_are_covered_others_are_not(typed: str, meant: str, covered: bool) -> None:
    assert (coverage({typed: 1.0}, [meant]) == 1) is covered


SHARES = st.floats(0, 1)


@given(SHARES, SHARES, st.integers(1, 60))
def test_more_evidence_never_makes_less_probable(similarity: float, covered: float, words: int) -> None:
    less = Evidence(similarity / 2, covered / 2, words).probability
    assert 0 < less <= Evidence(similarity, covered, words).probability < 1


def test_short_questions_gain_nothing_by_their_length() -> None:
    known = {Evidence(0.5, 0.5, words).probability for words in range(1, FEW_WORDS + 1)}
    assert len(known) == 1
    assert Evidence(0.5, 0.5, 3 * FEW_WORDS).probability > known.pop()
