"""Asking an index version the golden questions: results are stored with it, losses are told in sentences."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.bootstrap import Services, open_services
from core.domain.golden import Origin
from core.domain.knowledge import IndexVersion, Stage
from core.errors import InputError
from core.knowledge.evaluation.evaluate import Evaluator, fingerprint
from core.knowledge.evaluation.golden import read_questions
from core.knowledge.evaluation.questionnaire import Questionnaire
from core.settings import Settings
from core.storage.ids import new_id
from tests.core.knowledge.inspection import live

MakeSettings = Callable[..., Settings]

HELD = {"id": "held", "question": "How do I roll a Quillstore model back?", "gold": ["quillstore.md"]}
PARTLY = {"id": "partly", "question": "What is a drift threshold?", "gold": ["monitoring/gaugeworks.md", "not/held.md"]}
NOT_HELD = {"id": "not held", "question": "How do I cook?", "gold": ["not/held.md"]}
NOWHERE = {"id": "nowhere", "question": "How do I bake bread?", "gold": []}


def questions(tmp_path: Path, *asked: dict[str, object], name: str = "golden.jsonl") -> Path:
    file = tmp_path / name
    file.write_text("\n".join(map(json.dumps, asked)))
    return file


def evaluator(services: Services, file: Path, tolerance: float = 0.05) -> Evaluator:
    """An evaluator whose questionnaire begins with the questions of a file."""
    kept = services.questionnaire
    questionnaire = Questionnaire(kept._stored, services.library, services.audit, file)
    return Evaluator(services.versions, services.retriever, questionnaire, tolerance, services.audit)


async def beside(services: Services, swapped: bool = False) -> IndexVersion:
    """A candidate with the live one's passages; `swapped` puts those of two pages below the other's path."""
    before = await live(services)
    pages = {page.path: page async for page in services.versions.contents(before.id)}
    if swapped:
        first, second = pages["quillstore.md"], pages["drumline.md"]
        pages |= {first.path: replace(second, path=first.path), second.path: replace(first, path=second.path)}
    candidate = replace(before, id=new_id(), stage=Stage.STAGING)
    built_with = await services.versions.configuration(before.id)
    await services.versions.add(candidate, built_with, list(pages.values()))
    folder = shutil.copytree(services.settings.index_dir / before.id, services.settings.index_dir / candidate.id)
    db = sqlite3.connect(folder / "chroma.sqlite3")
    db.execute("UPDATE collections SET name = ?", (f"passages-{candidate.id}",))
    db.commit()
    db.close()
    return candidate


async def test_questions_on_pages_that_are_not_held_are_left_out_and_the_rest_is_stored(
    services: Services, tmp_path: Path
) -> None:
    file = questions(tmp_path, HELD, PARTLY, NOT_HELD, NOWHERE)
    version = await live(services)
    outcomes = await evaluator(services, file).evaluate(version)
    assert [outcome.id for outcome in outcomes] == ["held", "partly", "nowhere"]
    assert [outcome.recall_at_1 for outcome in outcomes[:2]] == [1, 1]
    assert outcomes[0].pages[0] == "quillstore.md"
    assert (outcomes[0].covered, outcomes[2].covered) == (True, False)
    stored = await services.versions.evaluation(version.id, fingerprint(read_questions(file)))
    assert stored is not None
    assert stored.scores["recall_at_1"]["value"] == 1
    assert stored.outcomes[0]["gold"] == ["quillstore.md"]
    assert [outcome["id"] for outcome in stored.outcomes] == ["held", "partly", "nowhere"]
    (change,) = await services.audit.latest(2)
    assert (change.action, change.subject, change.after) == ("index.evaluate", version.id, {"right": 3, "of": 3})


@pytest.mark.parametrize("asked", [[NOT_HELD], [NOWHERE], [NOT_HELD, NOWHERE]])
async def test_questions_of_which_none_can_be_answered_measure_nothing(
    services: Services, tmp_path: Path, asked: list[dict[str, object]]
) -> None:
    version = await live(services)
    assert await evaluator(services, questions(tmp_path, *asked)).evaluate(version) == []
    assert await services.versions.evaluation(version.id) is None


async def test_file_of_the_settings_may_be_absent_and_one_that_is_named_may_not(
    services: Services, tmp_path: Path
) -> None:
    version = await live(services)
    absent = tmp_path / "none.jsonl"
    assert await evaluator(services, absent).evaluate(version) == []
    assert await evaluator(services, absent).objections(version, version) == []
    with pytest.raises(InputError, match="cannot be read"):
        await evaluator(services, absent).evaluate(version, absent)


async def test_questions_that_people_added_are_asked_and_those_switched_off_are_not(services: Services) -> None:
    version, kept = await live(services), services.questionnaire
    for fields in (HELD, PARTLY, NOWHERE):
        await kept.add(fields, Origin.TYPED)
    await kept.change("partly", {}, enabled=False)
    told: list[tuple[int, int]] = []
    outcomes = await services.evaluator.evaluate(version, tell=lambda far: told.append((far.done, far.total)))
    assert [outcome.id for outcome in outcomes] == ["held", "nowhere"]
    assert told == [(0, 2), (1, 2)]
    await kept.change("held", {"gold": ["drumline.md"]})
    changed = await services.evaluator.evaluate(version)
    assert (outcomes[0].recall_at_1, changed[0].recall_at_1) == (1, 0)
    assert await services.evaluator.objections(version, version) == []


async def test_version_has_no_objection_to_itself(services: Services, tmp_path: Path) -> None:
    version = await live(services)
    assert await evaluator(services, questions(tmp_path, HELD, NOWHERE)).objections(version, version) == []


async def test_candidate_that_finds_the_same_meets_no_objection(services: Services, tmp_path: Path) -> None:
    asked = evaluator(services, questions(tmp_path, HELD, PARTLY, NOWHERE))
    candidate = await beside(services)
    assert await asked.objections(candidate, await live(services)) == []
    assert await services.versions.evaluation(candidate.id) is not None
    assert await services.audit.latest(1) == []


async def test_candidate_that_finds_less_is_objected_to_by_more_than_the_tolerance(
    services: Services, tmp_path: Path
) -> None:
    file = questions(tmp_path, HELD, PARTLY, NOWHERE)
    candidate, before = await beside(services, swapped=True), await live(services)
    said = await evaluator(services, file).objections(candidate, before)
    assert "recall@1 fell from 1.00 to 0.50" in said
    assert await evaluator(services, file, tolerance=1.0).objections(candidate, before) == []


async def test_candidate_beside_a_live_version_that_cannot_be_read_meets_no_objection(
    ready_settings: MakeSettings, tmp_path: Path
) -> None:
    settings, file = ready_settings(), questions(tmp_path, HELD)
    async with open_services(settings) as services:
        candidate, before = await beside(services, swapped=True), await live(services)
    damaged = settings.index_dir / before.id / "chroma.sqlite3"
    damaged.write_bytes(damaged.read_bytes()[:5000])
    async with open_services(settings) as services:
        assert await evaluator(services, file).objections(candidate, before) == []
