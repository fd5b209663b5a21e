"""The desk for golden questions: what people add, change, remove and import is checked, kept and on record."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from core.bootstrap import Services, open_services
from core.domain.golden import GoldenFilter, GoldenQuestion, Origin
from core.domain.people import acting_as
from core.errors import InputError, NameTaken, UnknownGoldenQuestion
from core.knowledge.evaluation import questionnaire
from core.knowledge.evaluation.questionnaire import Questionnaire
from core.settings import Settings

PUSH = {"question": "How do I push a model?", "gold": ["quillstore.md"]}
EVERY = GoldenFilter()


@pytest.fixture
def kept(services: Services) -> Questionnaire:
    return services.questionnaire


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    file = tmp_path / "golden.jsonl"
    file.write_text(json.dumps({"id": "g-1", **PUSH}) + "\n")
    return file


@pytest.fixture
async def begun(ready_settings: Callable[..., Settings], shipped: Path) -> AsyncIterator[Services]:
    async with open_services(ready_settings(golden_file=shipped)) as services:
        yield services


async def actions(services: Services) -> list[tuple[str, str, str]]:
    return [(change.who, change.action, change.subject) for change in await services.audit.latest(10)]


async def test_questions_of_the_file_are_there_from_the_start_and_a_removed_one_stays_away(
    begun: Services, shipped: Path
) -> None:
    [first] = await begun.questionnaire.find(EVERY, 10)
    assert (first.id, first.origin) == ("g-1", Origin.SHIPPED)
    await begun.questionnaire.remove("g-1")
    shipped.write_text(shipped.read_text() + json.dumps({"id": "g-2", **PUSH}))
    assert [question.id for question in await begun.questionnaire.asked()] == ["g-2"]
    assert await actions(begun) == [("service", "golden.remove", "g-1")]


async def test_broken_file_does_not_keep_the_service_from_starting_and_is_told_when_asked(
    ready_settings: Callable[..., Settings], shipped: Path
) -> None:
    shipped.write_text("{")
    async with open_services(ready_settings(golden_file=shipped)) as services:
        await services.questionnaire.add(PUSH, Origin.TYPED)
        with pytest.raises(InputError, match=r"Line 1 of .* is not JSON"):
            await services.questionnaire.asked()


async def test_every_change_is_on_record_with_who_made_it(services: Services, kept: Questionnaire) -> None:
    with acting_as("mara"):
        added = await kept.add({**PUSH, "style": " plain "}, Origin.SESSION)
        await kept.change(added.id, {"gold": []})
        await kept.change(added.id, {"gold": []})
        await kept.remove(added.id)
    assert (added.style, added.origin, added.enabled) == ("plain", Origin.SESSION, True)
    removal, change, addition = await services.audit.latest(10)
    assert [entry.action for entry in (addition, change, removal)] == ["golden.add", "golden.change", "golden.remove"]
    assert {entry.who for entry in (addition, change, removal)} == {"mara"}
    assert (change.before, change.after) == ({"gold": ["quillstore.md"]}, {"gold": []})
    assert removal.before["question"] == PUSH["question"]


async def test_question_can_be_switched_off_and_on_again(kept: Questionnaire) -> None:
    added = await kept.add(PUSH, Origin.TYPED)
    await kept.change(added.id, {}, enabled=False)
    assert await kept.asked() == []
    await kept.change(added.id, {"question": "How?"})
    assert await kept.get(added.id) == GoldenQuestion(
        added.id, "How?", ("quillstore.md",), origin=Origin.TYPED, enabled=False
    )
    await kept.change(added.id, {}, enabled=True)
    assert [question.id for question in await kept.asked()] == [added.id]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"question": "  "}, "no valid question"),
        ({"question": "x" * 8_001}, "too long a text in question"),
        ({"question": "a\0b"}, "control character"),
        ({"question": "a\ud800b"}, "control character"),
        ({"gold": ["\x1b[2J"]}, "control character"),
        ({"gold": ["x" * 501]}, "too long a text in gold"),
        ({"gold": [f"{n}.md" for n in range(51)]}, "too long a text in gold"),
        ({"gold": [" "]}, "empty text in gold"),
        ({"gold": "a.md"}, "no valid gold"),
        ({"answer_facts": [1]}, "no valid answer_facts"),
        ({"style": None}, "no valid style"),
        ({"style": "x" * 41}, "too long a text in style"),
        ({"need": "some"}, 'Write "any" or "all"'),
        ({"id": "x" * 101}, "too long a text in id"),
    ],
)
async def test_question_that_cannot_be_is_refused_in_words_and_nothing_is_stored(
    services: Services, kept: Questionnaire, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=f"The question .*{said}"):
        await kept.add({**PUSH, **fields}, Origin.TYPED)
    assert await kept.find(EVERY, 10) == []
    assert await actions(services) == []


async def test_taken_id_and_unknown_id_are_told(kept: Questionnaire) -> None:
    await kept.add({"id": "mine", **PUSH}, Origin.TYPED)
    with pytest.raises(NameTaken):
        await kept.add({"id": "mine", **PUSH, "question": "Other?"}, Origin.TYPED)
    with pytest.raises(NameTaken, match="already, with the id mine"):
        await kept.add(PUSH, Origin.SESSION)
    with pytest.raises(UnknownGoldenQuestion):
        await kept.change("yours", PUSH)


HOSTILE = (
    "{",
    "[1]",
    "null",
    '{"id": "a"}',
    '{"id": "a", "question": "Why?", "gold": "x"}',
    '{"id": "a", "question": "\\u0000", "gold": []}',
    '{"id": "a", "question": "\\ud800", "gold": []}',
    '{"id": {"$gt": ""}, "question": "Why?", "gold": []}',
    '{"id": "a", "question": "Why?", "gold": [], "need": "<script>"}',
    "[" * 100_000,
    '{"id": 1e999, "question": NaN, "gold": []}',
)


async def test_import_keeps_the_good_lines_and_names_each_bad_one(services: Services, kept: Questionnaire) -> None:
    good = json.dumps({"id": "<b>good</b>", **PUSH, "unknown": True})
    done = await kept.take("mine.jsonl", "\ufeff" + "\n".join([*HOSTILE, "", good, good]))
    assert (done.added, done.changed, done.unchanged) == (1, 0, 0)
    lines = [*range(1, len(HOSTILE) + 1), len(HOSTILE) + 3]
    assert [said.split()[:2] for said in done.refused] == [["Line", str(number)] for number in lines]
    assert [question.id for question in await kept.find(EVERY, 10)] == ["<b>good</b>"]
    [change] = await services.audit.latest(10)
    assert (change.action, change.subject, change.after["refused"]) == ("golden.import", "mine.jsonl", len(lines))


async def test_import_changes_what_is_known_and_leaves_its_origin(kept: Questionnaire) -> None:
    await kept.add({"id": "a", **PUSH}, Origin.SESSION)
    await kept.add({"id": "b", **PUSH, "question": "b?"}, Origin.TYPED)
    changes = {"a": {"gold": []}, "b": {"question": "b?"}, "c": {}}
    lines = [json.dumps({"id": name, **PUSH, **more}) for name, more in changes.items()]
    done = await kept.take("again.jsonl", "\r\n".join(lines))
    assert (done.added, done.changed, done.unchanged, done.refused) == (1, 1, 1, ())
    changed = await kept.get("a")
    assert (changed.gold, changed.origin) == ((), Origin.SESSION)
    assert (await kept.get("c")).origin is Origin.IMPORT


@pytest.mark.parametrize("text", ["", " \n \n"])
async def test_import_of_nothing_says_so_and_is_not_on_record(
    services: Services, kept: Questionnaire, text: str
) -> None:
    done = await kept.take("empty.jsonl", text)
    assert (done.added, done.refused) == (0, (questionnaire.NO_LINE,))
    assert await actions(services) == []


async def test_import_of_too_many_is_refused_whole(kept: Questionnaire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questionnaire, "MOST", 1)
    with pytest.raises(InputError, match="Split it; nothing was imported"):
        await kept.take("many.jsonl", "\n".join(json.dumps({"id": name, **PUSH}) for name in "ab"))
    assert await kept.count(EVERY) == 0


async def test_export_can_be_imported_again(kept: Questionnaire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questionnaire, "STEP", 2)
    for name in "abcde":
        await kept.add({"id": name, **PUSH, "question": f"Wie geht {name} 😀\u2028?"}, Origin.TYPED)
    text = await kept.export(EVERY)
    assert [json.loads(line)["id"] for line in text.split("\n") if line] == ["a", "b", "c", "d", "e"]
    assert await kept.export(GoldenFilter(words="geht c")) == text.split("\n")[2] + "\n"
    assert (await kept.take("again.jsonl", text)).unchanged == 5


async def test_pages_are_known_by_their_paths_and_their_addresses(kept: Questionnaire) -> None:
    assert await kept.missing(["quillstore.md", "no/such.md"]) == ["no/such.md"]
    found = ["/admin/knowledge/quillstore.md#push", "/admin/knowledge/quillstore.md", "https://elsewhere/"]
    assert await kept.pages_at(found) == ["quillstore.md"]
