"""Golden questions and what was measured with them: every action of the page, and who may do it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from nicegui import ui
from nicegui.elements.upload_files import SmallFileUpload
from nicegui.testing import User

from admin.components import evaluations, golden_list
from core.bootstrap import Services, open_services
from core.domain.golden import GoldenFilter, Origin
from core.domain.people import Role
from core.settings import Settings

PATIENCE = 200

QUESTIONS = (
    {"id": "push", "question": "How do I push a model to Quillstore?", "gold": ["quillstore.md"], "style": "plain"},
    {"id": "timetable", "question": "How does Drumline schedule training?", "gold": ["drumline.md"], "style": "terse"},
    {"id": "pizza", "question": "Which pizza is best in Naples?", "gold": [], "style": "plain"},
)


@pytest.fixture
async def console_services(ready_settings: Callable[..., Settings], tmp_path: Path) -> AsyncIterator[Services]:
    file = tmp_path / "golden.jsonl"
    file.write_text("\n".join(map(json.dumps, QUESTIONS)))
    async with open_services(ready_settings(admin_password="a fine console password", golden_file=file)) as opened:
        yield opened


async def opened(owner: User, last: str = "How do I push a model to Quillstore?") -> None:
    """The page, once the last of it is there."""
    await owner.open("/evaluation")
    await owner.should_see(last, retries=PATIENCE)


def press(owner: User, button: str) -> None:
    """Presses the button that says just this, or is known by this label."""
    interaction = owner.find(kind=ui.button)
    interaction.elements = {e for e in interaction.elements if e.text == button or e.props.get("aria-label") == button}
    assert interaction.elements, f"no button {button}"
    interaction.click()


def fill(owner: User, marker: str, text: str) -> None:
    next(iter(owner.find(marker=marker).elements)).value = text


def choose(owner: User, marker: str, value: str) -> None:
    next(iter(owner.find(marker=marker, kind=ui.select).elements)).set_value(value)


async def ids(services: Services) -> list[str]:
    return [question.id for question in await services.questionnaire.find(GoldenFilter(), 50)]


async def test_questions_are_shown_with_their_pages_and_origin(owner: User) -> None:
    await owner.open("/evaluation")
    for text in ("3 questions", "How do I push a model to Quillstore?", "quillstore.md", "not covered", "shipped"):
        await owner.should_see(text)


async def test_question_is_added_and_one_without_a_page_of_the_index_is_told(
    owner: User, console_services: Services
) -> None:
    await opened(owner)
    press(owner, "Add a question")
    await owner.should_see("Add a golden question")
    fill(owner, "golden-question", " How are tomatoes kept? ")
    fill(owner, "golden-pages", "garden.md\n\n")
    owner.find(marker="save-golden").click()
    await owner.should_see("The question was added. It is left out until garden.md is a page of the index.")
    await owner.should_see("How are tomatoes kept?")
    [added] = await console_services.questionnaire.find(GoldenFilter(origin=Origin.TYPED), 5)
    assert (added.question, added.gold) == ("How are tomatoes kept?", ("garden.md",))
    [change] = await console_services.audit.latest(5)
    assert (change.who, change.action, change.subject) == ("owner", "golden.add", added.id)


async def test_pages_are_suggested_for_a_question(owner: User, console_services: Services) -> None:
    await opened(owner)
    press(owner, "Add a question")
    await owner.should_see("Add a golden question")
    fill(owner, "golden-question", "How do I roll a Quillstore model back?")
    press(owner, "Suggest pages")
    await owner.should_see(kind=ui.button, content="quillstore.md", retries=PATIENCE)
    press(owner, "quillstore.md")
    press(owner, "quillstore.md")
    owner.find(marker="save-golden").click()
    await owner.should_see("The question was added.")
    [added] = await console_services.questionnaire.find(GoldenFilter(origin=Origin.TYPED), 5)
    assert added.gold == ("quillstore.md",)


async def test_refused_question_says_why_and_what_was_typed_stays(owner: User, console_services: Services) -> None:
    await opened(owner)
    press(owner, "Add a question")
    await owner.should_see("Add a golden question")
    for typed, said in (("", "no valid question"), ("a\x07b", "control character"), ("x" * 8_001, "too long a text"),
                        ("Which pizza is best in Naples?", "already, with the id pizza")):  # fmt: skip
        fill(owner, "golden-question", typed)
        owner.find(marker="save-golden").click()
        await owner.should_see(said)
    assert next(iter(owner.find(marker="golden-question").elements)).value == "Which pizza is best in Naples?"
    assert len(await ids(console_services)) == 3


async def test_question_is_changed(owner: User, console_services: Services) -> None:
    await opened(owner)
    press(owner, "Change push")
    await owner.should_see("Change a golden question")
    fill(owner, "golden-style", "typo")
    owner.find(marker="save-golden").click()
    await owner.should_see("The question was changed.")
    changed = await console_services.questionnaire.get("push")
    assert (changed.style, changed.gold, changed.origin) == ("typo", ("quillstore.md",), Origin.SHIPPED)


async def test_question_is_removed_once_that_is_confirmed(owner: User, console_services: Services) -> None:
    await opened(owner)
    press(owner, "Remove pizza")
    await owner.should_see("Remove this question?")
    owner.find(marker="decline").click()
    await owner.should_not_see("Remove this question?")
    press(owner, "Remove pizza")
    await owner.should_see("Remove this question?")
    owner.find(marker="agree").click()
    await owner.should_see("The question was removed.")
    assert await ids(console_services) == ["timetable", "push"]


async def test_question_that_is_gone_meanwhile_is_told(owner: User, console_services: Services) -> None:
    await opened(owner)
    press(owner, "Remove pizza")
    await owner.should_see("Remove this question?")
    await console_services.questionnaire.remove("pizza")
    owner.find(marker="agree").click()
    await owner.should_see("There is no golden question 'pizza' any more.")


async def test_question_is_switched_off(owner: User, console_services: Services) -> None:
    await opened(owner)
    switches = owner.find(kind=ui.switch).elements
    next(e for e in switches if e.props["aria-label"] == "Ask pizza").set_value(False)
    await owner.should_see("The question is kept, not asked.")
    assert not (await console_services.questionnaire.get("pizza")).enabled


async def test_filters_of_the_address_hold_and_can_be_changed(owner: User) -> None:
    await owner.open("/evaluation?kind=plain&q=push")
    await owner.should_see("1 question")
    await owner.should_not_see("Which pizza")
    await opened(owner)
    choose(owner, "golden-kind", golden_list.UNCOVERED)
    await owner.should_see("Which pizza")
    await owner.should_not_see("Drumline schedule")
    choose(owner, "golden-origin", "session")
    await owner.should_see("No question matches")


@pytest.mark.parametrize("address", ["/evaluation?kind=%3Cscript%3E", "/evaluation?q=%00%27", "/evaluation?origin=x"])
async def test_filter_that_nothing_matches_says_so(owner: User, address: str) -> None:
    await owner.open(address)
    await owner.should_see("No question matches")


async def test_long_list_is_shown_step_by_step(
    owner: User, console_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden_list, "STEP", 2)
    await opened(owner, "Show more")
    await owner.should_not_see("How do I push a model to Quillstore?")
    press(owner, "Show more")
    await owner.should_see("How do I push a model to Quillstore?")
    await owner.should_not_see(kind=ui.button, content="Show more")
    assert len(await ids(console_services)) == 3


async def test_file_is_imported_and_each_bad_line_is_named(owner: User, console_services: Services) -> None:
    await opened(owner)
    press(owner, "Import")
    await owner.should_see("Import golden questions")
    good = json.dumps({"id": "new", "question": "<img src=x onerror=alert(1)>", "gold": []})
    await upload(owner, f"{{\n{good}\n[]".encode())
    await owner.should_see("1 question added, 0 changed, 0 as before. 2 lines could not be taken:")
    await owner.should_see("Line 1 is not JSON.")
    await owner.should_see("Line 3 is not a JSON object.")
    await upload(owner, b"\xff\xfe")
    await owner.should_see("The file is no UTF-8 text. Nothing was imported.")
    press(owner, "Close")
    await owner.should_see("<img src=x onerror=alert(1)>")
    assert (await console_services.questionnaire.get("new")).origin is Origin.IMPORT


async def upload(owner: User, content: bytes) -> None:
    field = next(iter(owner.find(kind=ui.upload).elements))
    with field:
        await field.handle_uploads([SmallFileUpload("mine.jsonl", "application/jsonl", content)])


async def test_questions_that_are_looked_for_are_exported(owner: User) -> None:
    await owner.open("/evaluation?kind=not-covered")
    press(owner, "Export")
    reply = await owner.download.next()
    [line] = reply.text.splitlines()
    assert json.loads(line)["id"] == "pizza"


async def test_evaluation_is_run_and_its_worst_questions_are_told(owner: User, console_services: Services) -> None:
    await console_services.questionnaire.change("push", {"gold": ["monitoring/gaugeworks.md"]})
    await owner.open("/evaluation")
    await owner.should_see("Nothing was measured yet.")
    press(owner, "Evaluate now")
    await owner.should_see("of 3 questions rightly", retries=PATIENCE)
    [run] = await console_services.measurements.latest(5)
    await owner.open(f"/evaluation/runs/{run.id}")
    await owner.should_see("Worst questions")
    await owner.should_see("How do I push a model to Quillstore?")
    await owner.should_not_see("Which pizza is best in Naples?")
    for link in ("monitoring/gaugeworks.md", "quillstore.md", "Search lab"):
        await owner.should_see(kind=ui.link, content=link)
    await owner.open(f"/evaluation/runs/{run.id}?show=all")
    await owner.should_see("Which pizza is best in Naples?")


async def test_run_that_is_not_kept_is_told(owner: User) -> None:
    reply = await owner.http_client.get("/evaluation/runs/gone")
    assert reply.status_code == 404
    assert "No such run" in reply.text


async def test_runs_are_charted_and_told_in_words_and_versions_can_be_compared(
    owner: User, console_services: Services
) -> None:
    first = await console_services.versions.production()
    assert first
    await console_services.evaluator.evaluate(first)
    await console_services.refresher.finished("test", rebuild=True)
    await owner.open("/evaluation")
    await owner.should_see(kind=ui.echart)
    charts = [e for e in owner.find(kind=ui.element).elements if e.props.get("role") == "img"]
    assert "recall@3: 1.00 at" in charts[0].props["aria-label"]
    live = await console_services.versions.production()
    assert live
    link = next(iter(owner.find(kind=ui.link, content="with the live version").elements))
    assert link.props["href"] == f"/versions/{live.id}/{first.id}"


async def test_comparison_over_other_questions_can_be_measured_again(owner: User, console_services: Services) -> None:
    first = await console_services.versions.production()
    assert first
    await console_services.refresher.finished("test", rebuild=True)
    live = await console_services.versions.production()
    assert live
    await console_services.questionnaire.remove("pizza")
    await console_services.evaluator.evaluate(live)
    await owner.open(f"/versions/{first.id}/{live.id}")
    await owner.should_see("They were not asked the same questions.")
    press(owner, "Evaluate both")
    await owner.should_see("None of 2 questions: both find and refuse alike.", retries=PATIENCE)


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (golden_list, evaluations):
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)


@pytest.mark.usefixtures("quick_looks")
async def test_what_others_do_meanwhile_is_shown(owner: User, console_services: Services) -> None:
    live = await console_services.versions.production()
    assert live
    await opened(owner)
    await console_services.questionnaire.add({"question": "New here?", "gold": []}, Origin.SESSION)
    await owner.should_see("New here?", retries=PATIENCE)
    await console_services.evaluator.evaluate(live)
    await owner.should_see("recall@3", retries=PATIENCE)


async def test_comparison_tells_what_was_found_instead(owner: User, console_services: Services) -> None:
    first = await console_services.versions.production()
    assert first
    outcomes = await console_services.evaluator.evaluate(first)
    await console_services.refresher.finished("test", rebuild=True)
    live = await console_services.versions.production()
    assert live
    stored = await console_services.versions.evaluation(first.id)
    assert stored
    lost = replace(outcomes[0], reciprocal_rank=0.0, pages=("drumline.md", "quillstore.md"))
    worse = [asdict(lost), *stored.outcomes[1:]]
    await console_services.versions.add_evaluation(first, stored.questions, stored.scores, worse)
    await owner.open(f"/versions/{live.id}/{first.id}")
    for text in ("1 worse", "Worse", "right page not found", "drumline.md"):
        await owner.should_see(text)
    await owner.open(f"/versions/{live.id}/{first.id}?show=better")
    await owner.should_see("No question fares better.")


async def test_viewer_is_shown_all_and_offered_nothing_that_changes_it(
    person: Callable[[Role], Awaitable[User]],
) -> None:
    viewer = await person(Role.VIEWER)
    await viewer.open("/evaluation")
    await viewer.should_see("How do I push a model to Quillstore?")
    await viewer.should_see("Export")
    for text in ("Add a question", "Import"):
        await viewer.should_not_see(text)
    await viewer.should_not_see(kind=ui.button, content="Evaluate now")
    await viewer.should_not_see(kind=ui.switch)
