"""The golden questions that ship: well formed, about every page, and partly not answerable."""

import json
from collections import Counter
from typing import Any

import pytest

from core.domain.golden import GoldenQuestion
from core.knowledge.evaluation.golden import read_questions
from core.settings import ROOT

PATH = ROOT / "data" / "golden.jsonl"
FOLDER = ROOT / "data" / "knowledge"
PAGES = {
    path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8").casefold() for path in FOLDER.rglob("*.md")
}
STYLES = {"plain", "terse", "typo", "paraphrase", "identifier", "two_pages"}
QUESTIONS = read_questions(PATH)
LINES: list[dict[str, Any]] = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
ANSWERABLE = [pytest.param(question, id=question.id) for question in QUESTIONS if question.gold]


def test_every_line_has_the_same_keys() -> None:
    assert len(LINES) == len(QUESTIONS)
    keys = {"id", "question", "gold", "need", "answer_facts", "style"}
    assert [line["id"] for line in LINES if line.keys() != keys] == []


def test_ids_count_from_one() -> None:
    assert [question.id for question in QUESTIONS] == [f"golden-{n:03d}" for n in range(1, len(QUESTIONS) + 1)]


def test_no_question_is_asked_twice() -> None:
    asked = Counter(" ".join(question.question.casefold().split()).strip("?!. ") for question in QUESTIONS)
    assert [words for words, times in asked.items() if times > 1] == []


def test_there_are_questions_enough_of_both_kinds() -> None:
    unanswerable = [question for question in QUESTIONS if not question.gold]
    assert len(QUESTIONS) >= 80
    assert 0.15 <= len(unanswerable) / len(QUESTIONS) <= 0.3


def test_every_page_answers_a_question() -> None:
    assert PAGES.keys() - {page for question in QUESTIONS for page in question.gold} == set()


def test_styles_are_mixed_as_people_write() -> None:
    styles = Counter(line["style"] for line in LINES)
    assert styles.keys() == STYLES
    assert all(times >= 5 for times in styles.values())
    assert max(styles.values()) <= 0.6 * len(LINES)


@pytest.mark.parametrize("question", ANSWERABLE)
def test_gold_pages_exist_and_hold_the_facts(question: GoldenQuestion) -> None:
    assert question.gold == tuple(dict.fromkeys(question.gold))
    assert set(question.gold) <= PAGES.keys()
    assert 1 <= len(question.answer_facts) <= 3
    for fact in question.answer_facts:
        assert any(fact.casefold() in PAGES[page] for page in question.gold), fact


@pytest.mark.parametrize("question", ANSWERABLE)
def test_question_does_not_give_its_facts_away(question: GoldenQuestion) -> None:
    """At least one fact is not in the question, so that repeating the question is no answer."""
    assert any(fact.casefold() not in question.question.casefold() for fact in question.answer_facts)


def test_questions_for_several_pages_have_a_fact_from_each() -> None:
    together = [question for question in QUESTIONS if question.need == "all"]
    assert together
    for question in together:
        assert len(question.gold) > 1
        for page in question.gold:
            assert any(fact.casefold() in PAGES[page] for fact in question.answer_facts), (question.id, page)


def test_unanswerable_questions_have_no_facts() -> None:
    assert [question.id for question in QUESTIONS if not question.gold and question.answer_facts] == []


def test_no_question_repeats_a_heading() -> None:
    headings = {
        line.lstrip("#").strip(" ?`") for text in PAGES.values() for line in text.splitlines() if line.startswith("#")
    }
    repeated = [q.question for q in QUESTIONS if q.question.casefold().strip(" ?`") in headings]
    assert len(repeated) <= 0.05 * len(QUESTIONS), repeated  # a pasted error message may be a heading too
