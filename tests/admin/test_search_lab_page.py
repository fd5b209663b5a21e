"""The search lab: rankings side by side, the passages and the prompt that come of them, all kept in the address."""

import pytest
from nicegui import ui
from nicegui.testing import User

from core.bootstrap import Services

PATIENCE = 100
ASKED = "How do I roll a Quillstore model back?"


def said(owner: User) -> str:
    """All that stands on the page."""
    return "\n".join(str(e.text) for e in owner.find(kind=ui.label).elements)


def choose(owner: User, marker: str, value: str) -> None:
    next(iter(owner.find(marker=marker, kind=ui.select).elements)).set_value(value)


async def test_question_in_the_address_is_searched_at_once(owner: User) -> None:
    await owner.open(f"/knowledge/search?q={ASKED}")
    for text in ("Covered", "Dense", "Lexical", "Pages", "Fused", "What the model would be sent", "agent.v1"):
        await owner.should_see(text, retries=PATIENCE)
    await owner.should_not_see("Reranked")
    assert '<passage n="1"' in said(owner)
    assert f"<question>\n{ASKED}\n</question>" in said(owner)
    links = {link.props["href"] for link in owner.find(kind=ui.link).elements}
    assert "/knowledge/quillstore.md#roll-a-quillstore-model-back" in links


async def test_typed_question_is_searched(owner: User) -> None:
    await owner.open("/knowledge/search")
    await owner.should_see("Nothing asked yet")
    owner.find(kind=ui.input).type("Which pizza is best in Naples?")
    owner.find(kind=ui.button, content="Search").click()
    await owner.should_see("Not covered", retries=PATIENCE)


async def test_search_is_kept_to_a_product_and_a_source(owner: User) -> None:
    await owner.open(f"/knowledge/search?q={ASKED}")
    await owner.should_see("quillstore.md", retries=PATIENCE)
    choose(owner, "lab-product", "Drumline")
    await owner.should_not_see("quillstore.md", retries=PATIENCE)
    await owner.should_see("drumline.md")
    choose(owner, "lab-source", "")
    await owner.open(f"/knowledge/search?q={ASKED}&source=nobody")
    await owner.should_see("None: the model is told that no passage was found.", retries=PATIENCE)


async def test_another_version_is_searched_and_one_that_is_gone_is_told(
    owner: User, console_services: Services
) -> None:
    first = await console_services.versions.production()
    assert first
    await console_services.refresher.finished("test", rebuild=True)
    await owner.open(f"/knowledge/search?q={ASKED}")
    choose(owner, "lab-version", first.id)
    await owner.should_see(f"Version {first.id[-8:]}, Archived", kind=ui.label, retries=PATIENCE)
    await owner.open(f"/knowledge/search?q={ASKED}&version=gone")
    await owner.should_see("There is no index version 'gone'", retries=PATIENCE)


@pytest.mark.parametrize(
    ("question", "said"),
    [("x" * 8_001, "Shorten it and ask again"), ("a%00b", "control character"), ("%3Cscript%3E", "Not covered")],
)
async def test_hostile_question_is_told_or_searched_as_text(owner: User, question: str, said: str) -> None:
    await owner.open(f"/knowledge/search?q={question}")
    await owner.should_see(said, retries=PATIENCE)
    if "script" in question:
        found = "\n".join(str(e.text) for e in owner.find(kind=ui.label).elements)
        assert "<question>\n&lt;script&gt;\n</question>" in found


async def test_page_of_the_knowledge_base_leads_to_the_lab(owner: User) -> None:
    await owner.open("/knowledge")
    link = next(iter(owner.find(kind=ui.link, content="Search lab").elements))
    assert link.props["href"] == "/knowledge/search"
