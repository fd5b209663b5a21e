"""The button below a question of a transcript that makes it a golden one."""

from nicegui import ui
from nicegui.testing import User

from core.bootstrap import Services
from core.domain.conversation import Question, SessionKey
from core.domain.golden import GoldenFilter, Origin


async def asked_quillstore(services: Services, text: str) -> str:
    """The address of a session in which this was asked and answered."""
    question = Question(SessionKey("console", "", "", text), text, f"golden:{text}")
    async for _ in services.answering.ask(question):
        pass
    (session,) = await services.sessions.list()
    return f"/sessions/{session.id}"


async def test_question_is_made_a_golden_one_with_the_pages_that_its_answer_cited(
    owner: User, console_services: Services
) -> None:
    await owner.open(await asked_quillstore(console_services, "How do I push a model to Quillstore?"))
    await owner.should_see(kind=ui.button, content="Make this a golden question")

    owner.find(kind=ui.button, content="Make this a golden question").click()
    await owner.should_see("Add a golden question")
    assert "quillstore.md" in next(iter(owner.find(marker="golden-pages").elements)).value
    owner.find(marker="save-golden").click()

    await owner.should_see("The question was added.")
    [added] = await console_services.questionnaire.find(GoldenFilter(), 5)
    assert (added.question, added.origin) == ("How do I push a model to Quillstore?", Origin.SESSION)
    assert "quillstore.md" in added.gold


async def test_question_that_was_not_covered_is_made_a_golden_one_without_pages(
    owner: User, console_services: Services
) -> None:
    await owner.open(await asked_quillstore(console_services, "Which <pizza> is best in Naples?"))
    await owner.should_see(kind=ui.button, content="Make this a golden question")
    owner.find(kind=ui.button, content="Make this a golden question").click()
    await owner.should_see("Add a golden question")
    owner.find(marker="save-golden").click()

    await owner.should_see("The question was added.")
    [added] = await console_services.questionnaire.find(GoldenFilter(), 5)
    assert (added.question, added.gold) == ("Which <pizza> is best in Naples?", ())
