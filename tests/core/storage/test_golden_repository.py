"""Golden questions: stored, found, changed and removed, and those that ship are stored once. SQLite and Postgres."""

import asyncio
from dataclasses import replace

import pytest

from core.domain.golden import GoldenFilter, GoldenQuestion, Origin
from core.errors import NameTaken, UnknownGoldenQuestion
from core.storage.engine import Database
from core.storage.golden import GoldenQuestions

PUSH = GoldenQuestion("g-1", "How do I push?", ("quill/push.md",), answer_facts=("quill push",), style="plain")
DRIFT = GoldenQuestion("g-2", "What is 100% drift?", ("a.md", "b.md"), "all", style="terse", origin=Origin.IMPORT)
PIZZA = GoldenQuestion("g-3", "Which pizza?", (), style="plain", origin=Origin.SESSION, enabled=False)
EVERY = GoldenFilter()


@pytest.fixture
def golden(database: Database) -> GoldenQuestions:
    return GoldenQuestions(database)


async def ids(golden: GoldenQuestions, **wanted: object) -> list[str]:
    return [question.id for question in await golden.find(GoldenFilter(**wanted), 10)]


async def test_question_comes_back_as_it_was_added_the_latest_first(golden: GoldenQuestions) -> None:
    await golden.add([PUSH, DRIFT, PIZZA])
    assert await golden.find(EVERY, 10) == [PIZZA, DRIFT, PUSH]
    assert await golden.enabled() == [PUSH, DRIFT]
    assert await golden.get("g-2") == DRIFT
    assert await golden.styles() == ["plain", "terse"]


async def test_list_goes_on_behind_the_last_one_that_was_shown(golden: GoldenQuestions) -> None:
    await golden.add([PUSH, DRIFT, PIZZA])
    first = await golden.find(EVERY, 2)
    assert await golden.find(EVERY, 2, before=first[-1].id) == [PUSH]
    assert await golden.find(EVERY, 2, before="gone") == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"words": "PUSH"}, ["g-1"]),
        ({"words": "quill/"}, ["g-1"]),
        ({"words": "100% d"}, ["g-2"]),
        ({"words": "%"}, ["g-2"]),
        ({"words": "g-3"}, ["g-3"]),
        ({"words": "\0\ud800' OR 1=1 --"}, []),
        ({"style": "plain"}, ["g-3", "g-1"]),
        ({"origin": "session"}, ["g-3"]),
        ({"origin": "no such"}, []),
        ({"covered": True}, ["g-2", "g-1"]),
        ({"covered": False, "style": "plain", "words": "pizza"}, ["g-3"]),
    ],
)
async def test_questions_are_found_by_words_style_origin_and_cover(
    golden: GoldenQuestions, wanted: dict[str, object], found: list[str]
) -> None:
    await golden.add([PUSH, DRIFT, PIZZA])
    assert await ids(golden, **wanted) == found
    assert await golden.count(GoldenFilter(**wanted)) == len(found)


async def test_taken_id_is_refused_and_nothing_of_the_rest_is_stored(golden: GoldenQuestions) -> None:
    await golden.add([PUSH])
    with pytest.raises(NameTaken, match="nothing was added"):
        await golden.add([DRIFT, replace(PUSH, question="Other?")])
    assert await golden.find(EVERY, 10) == [PUSH]


async def test_changed_question_keeps_its_id_and_its_place(golden: GoldenQuestions) -> None:
    await golden.add([PUSH, DRIFT])
    changed = replace(PUSH, question="How do I store?", gold=(), enabled=False)
    await golden.change(changed)
    assert await golden.find(EVERY, 10) == [DRIFT, changed]
    assert await ids(golden, covered=False) == ["g-1"]


async def test_unknown_question_is_told(golden: GoldenQuestions) -> None:
    for asked in (golden.get("no"), golden.remove("no"), golden.change(PUSH)):
        with pytest.raises(UnknownGoldenQuestion, match="Nothing was changed"):
            await asked


async def test_shipped_questions_are_stored_once_and_stay_as_people_left_them(golden: GoldenQuestions) -> None:
    await golden.begin_with([PUSH, DRIFT])
    await golden.remove("g-1")
    changed = replace(DRIFT, question="What is drift?")
    await golden.change(changed)
    await golden.begin_with([PUSH, DRIFT, PIZZA])
    assert await golden.find(EVERY, 10) == [PIZZA, changed]


async def test_shipped_question_leaves_one_of_people_with_that_id_alone(golden: GoldenQuestions) -> None:
    own = replace(PUSH, question="Mine?", origin=Origin.TYPED)
    await golden.add([own])
    await golden.begin_with([PUSH])
    assert await golden.find(EVERY, 10) == [own]


async def test_processes_that_start_at_once_store_the_shipped_ones_once(golden: GoldenQuestions) -> None:
    await asyncio.gather(*(golden.begin_with([PUSH, DRIFT]) for _ in range(3)))
    assert await golden.find(EVERY, 10) == [DRIFT, PUSH]
