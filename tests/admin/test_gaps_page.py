"""From a question that was not covered to an answer that is cited: the pages of gaps and cards, action by action."""

from collections.abc import Awaitable, Callable
from datetime import date

import pytest
from nicegui import ui
from nicegui.testing import User

from admin.pages import gaps as gaps_page
from core.bootstrap import Services
from core.domain.conversation import Answer, Manner, Question, SessionKey
from core.domain.gaps import Gap, GapState, Order
from core.domain.people import Role, acting_as
from core.storage.errands import Errands

WINE = "Which wine goes with grilled octopus?"
SAME = "What wine should I drink with grilled octopus?"
VPN = "How do I connect to the VPN?"
ANSWER = "An Assyrtiko, well chilled."
HOSTILE = "<img src=x onerror=alert(1)> how?"


async def asked(services: Services, text: str, manner: Manner = Manner.REPLY, platform: str = "slack") -> None:
    session = SessionKey(platform, "T1", "C0HELP", f"1{len(text)}.0")
    question = Question(session, text, f"{platform}:{len(text)}", "U0SECRETIVE", manner=manner)
    await services.turns.claim(question)
    await services.turns.complete(question.event_id, Answer("Nothing.", covered=False))


async def the_gap(services: Services) -> Gap:
    await services.gaps.look()
    return (await services.gaps.page(None, Order.LARGEST, 5))[0]


async def test_list_fills_while_somebody_looks_largest_first(owner: User, console_services: Services) -> None:
    await owner.open("/gaps")
    await owner.should_see("No gaps")
    for text in (WINE, SAME, VPN):
        await asked(console_services, text)
    await owner.open("/gaps")

    await owner.should_see(WINE)
    await owner.should_see("2 questions")
    await owner.should_see(VPN)
    await owner.should_not_see(SAME)


async def test_filters_stand_in_the_address(owner: User, console_services: Services) -> None:
    await asked(console_services, WINE)
    gap = await the_gap(console_services)
    with acting_as("ada"):
        await console_services.gaps.decide(gap.id, GapState.WONT_DO)
    await owner.open("/gaps")
    await owner.should_see("No gap here")

    await owner.open("/gaps?state=wont_do&sort=newest")
    await owner.should_see(WINE)


@pytest.mark.parametrize("query", ["state=strange&sort=odd", "sort=largest&after=x&id=y", "sort=newest&after=1&id=y"])
async def test_strange_addresses_show_the_list(owner: User, console_services: Services, query: str) -> None:
    await asked(console_services, WINE)
    await the_gap(console_services)
    await owner.open(f"/gaps?{query}")
    await owner.should_see(WINE)


async def test_long_list_goes_on(owner: User, console_services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaps_page, "PAGE", 1)
    for text in (WINE, SAME, VPN):
        await asked(console_services, text)
    await the_gap(console_services)
    await owner.open("/gaps")
    await owner.should_see(WINE)
    await owner.should_not_see(VPN)
    owner.find("Further gaps").click()
    await owner.should_see(VPN)


async def test_answer_is_written_found_and_brought_back(owner: User, console_services: Services) -> None:
    await asked(console_services, WINE)
    await asked(console_services, SAME, platform="console")
    gap = await the_gap(console_services)
    await owner.open(f"/gaps/{gap.id}")
    owner.find(marker="write").click()
    await owner.should_see(marker="card-text")
    owner.find(marker="card-text").type(ANSWER)
    owner.find(marker="save-card").click()
    await owner.should_see("It is found now", retries=600)
    await owner.should_see("Bring it back to chat")
    owner.find(marker="ask-again").click()
    await owner.should_see("1 question will be answered in the threads")

    [card] = await console_services.cards.of_gap(gap.id)
    assert (card.question, card.text, card.author) == (WINE, ANSWER, "owner")
    errand = await Errands(console_services.turns._database).take("slack")
    assert errand
    assert errand.asked_by == "owner"
    await owner.should_see("waits for its channel")
    assert {change.action for change in await console_services.audit.latest(9)} == {
        "card.write",
        "gap.answered",
        "gap.ask_again",
    }


async def test_what_was_typed_stays_when_it_is_refused(owner: User, console_services: Services) -> None:
    await asked(console_services, WINE)
    gap = await the_gap(console_services)
    await owner.open(f"/gaps/{gap.id}")
    owner.find(marker="write").click()
    await owner.should_see(marker="card-text")
    secret = "log in with ghp_" + "a1B2" * 10
    owner.find(marker="card-text").type(secret)
    owner.find(marker="save-card").click()
    await owner.should_see("nothing was saved")

    [field] = owner.find(marker="card-text", kind=ui.textarea).elements
    assert field.value == secret
    assert await console_services.cards.page(5) == []


async def test_gap_is_not_to_be_answered_and_opens_again(owner: User, console_services: Services) -> None:
    await asked(console_services, WINE)
    gap = await the_gap(console_services)
    await owner.open(f"/gaps/{gap.id}")
    owner.find(marker="wont-do").click()
    await owner.should_see("decided by owner")
    assert (await console_services.gaps.get(gap.id)).state is GapState.WONT_DO
    owner.find(marker="reopen").click()
    await owner.should_not_see("decided by owner")
    assert (await console_services.gaps.get(gap.id)).state is GapState.OPEN


async def test_private_question_shows_neither_place_nor_conversation(owner: User, console_services: Services) -> None:
    await asked(console_services, WINE, Manner.PRIVATE)
    gap = await the_gap(console_services)
    with acting_as("ada"):
        await console_services.gaps.decide(gap.id, GapState.ANSWERED)
    await owner.open(f"/gaps/{gap.id}")

    await owner.should_see("asked privately")
    for hidden in ("C0HELP", "U0SECRETIVE", "Conversation", "Bring it back to chat"):
        await owner.should_not_see(hidden)


async def test_hostile_question_is_shown_as_text(owner: User, console_services: Services) -> None:
    await asked(console_services, HOSTILE)
    gap = await the_gap(console_services)
    await owner.open(f"/gaps/{gap.id}")
    await owner.should_see(HOSTILE, kind=ui.label)


@pytest.mark.parametrize(("address", "said"), [("/gaps/none", "No such gap"), ("/cards/none", "No such card")])
async def test_what_is_gone_says_so(owner: User, address: str, said: str) -> None:
    reply = await owner.http_client.get(address)
    assert reply.status_code == 404
    assert said in reply.text


async def test_viewers_look_and_change_nothing(
    person: Callable[[Role], Awaitable[User]], console_services: Services
) -> None:
    await asked(console_services, WINE)
    gap = await the_gap(console_services)
    viewer = await person(Role.VIEWER)

    await viewer.open(f"/gaps/{gap.id}")
    await viewer.should_see("Asked as")
    await viewer.should_not_see(marker="write")
    await viewer.should_not_see(marker="wont-do")


# cards


async def a_card(services: Services, text: str = ANSWER) -> str:
    async def quietly(_: object) -> None: ...

    with acting_as("ada"):
        card = await services.cards.write(WINE, text, date(2100, 1, 1))
        await services.cards.index(card, quietly)
    return card.id


async def test_card_is_written_without_a_gap(owner: User, console_services: Services) -> None:
    await owner.open("/cards")
    await owner.should_see("No card")
    await owner.open("/cards/new")
    owner.find(marker="card-question").type(WINE)
    owner.find(marker="card-text").type(ANSWER)
    owner.find(marker="save-card").click()
    await owner.should_see("It is found now", retries=600)
    await owner.open("/cards")

    await owner.should_see(WINE)
    assert [card.author for card in await console_services.cards.page(5)] == ["owner"]


async def test_card_is_shown_as_it_is_cited_and_changed(owner: User, console_services: Services) -> None:
    card_id = await a_card(console_services, "Take **Assyrtiko** <script>alert(1)</script>")
    await owner.open(f"/cards/{card_id}")
    await owner.should_see("written by ada")
    html = next(iter(owner.find(kind=ui.html).elements)).props["innerHTML"]
    assert "<strong>Assyrtiko</strong>" in html
    assert "<script>" not in html

    owner.find(marker="card-text").clear().type("Take Txakoli.")
    owner.find(marker="save-card").click()
    await owner.should_see("It is found now", retries=600)
    assert (await console_services.cards.get(card_id)).text == "Take Txakoli."


async def test_card_is_removed_once_that_is_confirmed(owner: User, console_services: Services) -> None:
    card_id = await a_card(console_services)
    await owner.open(f"/cards/{card_id}")
    owner.find(marker="remove-card").click()
    await owner.should_see("Remove this card?")
    owner.find(marker="decline").click()
    await owner.should_not_see("Remove this card?")
    assert await console_services.cards.page(5)
    owner.find(marker="remove-card").click()
    await owner.should_see("Remove this card?")
    owner.find(marker="agree").click()
    await owner.should_see("No card", retries=600)
    assert await console_services.cards.page(5) == []


async def test_source_of_cards_leads_to_them(owner: User, console_services: Services) -> None:
    await a_card(console_services)
    await owner.open("/sources")
    await owner.should_see("All cards")
