import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from nicegui import ui
from nicegui.testing import User

from core.bootstrap import Services, open_services
from core.domain.knowledge import IndexVersion, Source, SourceKind, Stage
from core.settings import Settings

PATIENCE = 200

QUESTIONS = (
    ("push", "How do I push a model to Quillstore?", ["quillstore.md"]),
    ("timetable", "How does Drumline schedule training?", ["drumline.md"]),
    ("pizza", "Which pizza is best in Naples?", []),
)


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    lines = [json.dumps({"id": id_, "question": question, "gold": gold}) for id_, question, gold in QUESTIONS]
    file = tmp_path / "golden.jsonl"
    file.write_text("\n".join(lines))
    return file


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A folder of pages, beside those that ship with the tests."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "tide.md").write_text("# Tidewatch\n\nTidewatch measures how far features drift with the tide.\n")
    return folder


@pytest.fixture
async def console_services(ready_settings: Callable[..., Settings], golden: Path) -> AsyncIterator[Services]:
    settings = ready_settings(admin_password="a fine console password", golden_file=golden)
    async with open_services(settings) as opened:
        yield opened


async def refreshed(services: Services, *, rebuild: bool = False) -> IndexVersion:
    """The live version after a refresh."""
    await services.refresher.finished("test", rebuild=rebuild)
    live = await services.versions.production()
    assert live
    return live


async def with_notes(services: Services, notes: Path) -> IndexVersion:
    """The live version once the folder of notes is a source of it."""
    await services.sources.add(Source("notes", SourceKind.FOLDER, str(notes)))
    return await refreshed(services)


async def press(owner: User, button: str) -> None:
    owner.find(kind=ui.button, content=button).click()


async def answer(owner: User, dialog: str, button: str) -> None:
    """Waits for the dialog that asks, and agrees or declines."""
    await owner.should_see(dialog)
    owner.find(marker=button).click()


async def test_evaluation_is_shown_with_its_intervals(owner: User) -> None:
    await owner.open("/knowledge")

    await press(owner, "Evaluate")

    await owner.should_see("of 3 questions rightly", retries=PATIENCE)
    for text in ("recall@3", "nDCG@10", "refusal F1", "1.00 to 1.00"):
        await owner.should_see(text)


async def test_evaluation_without_a_question_about_the_pages_says_so(owner: User, console_services: Services) -> None:
    for name, _, _ in QUESTIONS:
        await console_services.questionnaire.change(name, {"gold": ["elsewhere.md"]})
    await owner.open("/knowledge")

    await press(owner, "Evaluate")

    await owner.should_see("There was nothing to measure", retries=PATIENCE)
    await owner.should_see("Not evaluated yet")


async def test_evaluation_with_a_broken_file_of_questions_says_what_is_wrong(owner: User, golden: Path) -> None:
    golden.write_text("{")
    await owner.open("/knowledge")

    await press(owner, "Evaluate")

    await owner.should_see("is not JSON. Nothing was evaluated.", retries=PATIENCE)


async def test_change_in_place_is_listed_and_undone(owner: User, console_services: Services, notes: Path) -> None:
    await with_notes(console_services, notes)
    await owner.open("/knowledge")
    await owner.should_see("Changed in place")
    await owner.should_see("notes/tide.md")
    await owner.should_see("4 documents")

    await press(owner, "Undo the last change")
    await owner.should_see("is taken back: 1 added.")
    await answer(owner, "Undo the last change?", "agree")

    await owner.should_see("is live, with 3 documents.", retries=PATIENCE)
    await owner.should_see("Undone")
    await owner.should_not_see("Tidewatch")


async def test_undoing_can_be_left_alone(owner: User, console_services: Services, notes: Path) -> None:
    await with_notes(console_services, notes)
    await owner.open("/knowledge")

    await press(owner, "Undo the last change")
    await answer(owner, "Undo the last change?", "decline")

    await owner.should_not_see("Undo the last change?")
    live = await console_services.versions.production()
    assert live
    assert (live.documents, live.revision) == (4, 1)


async def test_first_index_cannot_be_undone(owner: User) -> None:
    await owner.open("/knowledge")

    await press(owner, "Undo the last change")
    await answer(owner, "Undo the last change?", "agree")

    await owner.should_see("There is nothing to roll back: this is the first index that was built.")
    await owner.should_see("3 documents")


async def test_archived_version_can_be_made_live_again(owner: User, console_services: Services) -> None:
    first = await console_services.versions.production()
    assert first
    second = await refreshed(console_services, rebuild=True)
    await owner.open("/knowledge")

    await press(owner, "Roll back to this")
    await owner.should_see(f"Version {first.id[-8:]} of")
    await answer(owner, "Roll back to this version?", "agree")

    await owner.should_see(f"Done. Version {first.id[-8:]} is live", retries=PATIENCE)
    await owner.should_see(f"Rolled back to version {first.id[-8:]}.")
    assert (await console_services.versions.get(second.id)).stage is Stage.ARCHIVED


async def test_version_in_staging_says_why_and_can_be_promoted(owner: User, console_services: Services) -> None:
    first = await console_services.versions.production()
    assert first
    second = await refreshed(console_services, rebuild=True)
    await console_services.refresher.roll_back()
    await console_services.versions.set_stage(second.id, Stage.STAGING, "It stays in Staging: MRR fell.")
    await owner.open("/knowledge")
    await owner.should_see("It stays in Staging: MRR fell.")

    await press(owner, "Promote")
    await owner.should_see("It was held back.")
    await answer(owner, "Promote this version?", "agree")

    await owner.should_see(f"Done. Version {second.id[-8:]} is live", retries=PATIENCE)
    live = await console_services.versions.production()
    assert live
    assert live.id == second.id


async def test_promotion_of_a_version_that_is_gone_says_so(owner: User, console_services: Services) -> None:
    second = await refreshed(console_services, rebuild=True)
    await console_services.refresher.roll_back()
    await console_services.versions.set_stage(second.id, Stage.STAGING, "It waits.")
    await owner.open("/knowledge")
    await console_services.versions.forget(second.id)

    await press(owner, "Promote")
    await answer(owner, "Promote this version?", "agree")

    await owner.should_see("There is no index version", retries=PATIENCE)
    await owner.should_not_see("It waits.")


async def test_two_versions_are_compared_question_by_question(owner: User, console_services: Services) -> None:
    first = await console_services.versions.production()
    assert first
    second = await refreshed(console_services, rebuild=True)
    outcomes = await console_services.evaluator.evaluate(second)
    await console_services.evaluator.evaluate(first)
    await owner.open("/knowledge")
    compare = next(iter(owner.find(kind=ui.link, content="Compare with the live version").elements))
    assert compare.props["href"] == f"/versions/{second.id}/{first.id}"
    await owner.open(f"/versions/{second.id}/{first.id}")
    await owner.should_see("None of 3 questions: both find and refuse alike.")

    stored = await console_services.versions.evaluation(first.id)
    assert stored
    lost = replace(outcomes[0], reciprocal_rank=0.0, covered=not outcomes[0].covered)
    worse = [{**vars(lost)}, *stored.outcomes[1:]]
    await console_services.versions.add_evaluation(first, stored.questions, stored.scores, worse)
    await owner.open(f"/versions/{second.id}/{first.id}")

    for text in ("How do I push a model to Quillstore?", "Worse", "after: refused, right page not found"):
        await owner.should_see(text)


@pytest.mark.parametrize("address", ["/versions/aaaa/bbbb", "/versions/ / "])
async def test_comparison_of_unknown_versions_says_so(owner: User, address: str) -> None:
    reply = await owner.http_client.get(address)

    assert reply.status_code == 404
    assert "Nothing to compare" in reply.text or "No such page" in reply.text
