"""What people write by hand is found at once, cited like a page, and gone at once: real index, real model."""

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from core.bootstrap import Services
from core.domain.gaps import CARDS, GapState, Order
from core.domain.knowledge import RunStatus, SourceKind
from core.domain.people import acting_as
from core.errors import InputError, UnknownCard
from core.storage.ids import now
from tests.core.answering.asking import UNCOVERED, ask

ANSWER = "Serve a dry white wine with grilled octopus: an Assyrtiko, well chilled."
LATER = date(2100, 1, 1)


@pytest.fixture(autouse=True)
async def acting() -> AsyncIterator[None]:
    with acting_as("ada"):
        yield


async def quietly(_: object) -> None:
    """Nobody follows it."""


async def test_card_is_cited_with_its_page_as_soon_as_it_is_indexed(services: Services) -> None:
    assert not (await ask(services, UNCOVERED)).answer.covered
    await services.gaps.look()
    [gap] = await services.gaps.page(None, Order.LARGEST, 5)

    card = await services.cards.write(UNCOVERED, ANSWER, LATER, gap.id)
    assert not await services.cards.is_found(card)
    run = await services.cards.index(card, quietly)

    answer = (await ask(services, UNCOVERED, "another thread")).answer
    assert (run.status, await services.cards.is_found(card)) == (RunStatus.UPDATED, True)
    assert answer.covered
    assert "Assyrtiko" in answer.text
    assert answer.citations[0].address.startswith(f"{services.settings.address}/admin/cards/{card.id}")
    assert (await services.gaps.get(gap.id)).state is GapState.ANSWERED
    assert [c.id for c in await services.cards.of_gap(gap.id)] == [card.id]


async def test_changed_card_says_the_new_and_removed_one_nothing(services: Services) -> None:
    card = await services.cards.write(UNCOVERED, ANSWER, LATER)
    await services.cards.index(card, quietly)
    card = await services.cards.change(card, UNCOVERED, ANSWER.replace("Assyrtiko", "Txakoli"), LATER)
    await services.cards.index(card, quietly)
    changed = (await ask(services, UNCOVERED, "one")).answer

    await services.cards.index(await services.cards.remove(card.id), quietly)
    removed = (await ask(services, UNCOVERED, "two")).answer

    assert "Txakoli" in changed.text
    assert "Assyrtiko" not in changed.text
    assert not removed.covered
    with pytest.raises(UnknownCard):
        await services.cards.get(card.id)
    assert [c.action for c in await services.audit.latest(9)] == ["card.remove", "card.change", "card.write"]


async def test_second_editor_overwrites_nothing(services: Services) -> None:
    await ask(services, UNCOVERED)
    await services.gaps.look()
    [gap] = await services.gaps.page(None, Order.LARGEST, 5)
    seen = await services.cards.write(UNCOVERED, ANSWER, LATER, gap.id)
    with pytest.raises(InputError, match="ada has written a card"):
        await services.cards.write(UNCOVERED, "Another answer.", LATER, gap.id)
    changed = await services.cards.change(seen, UNCOVERED, "The first editor's words.", LATER)
    with pytest.raises(InputError, match="while it was open"):
        await services.cards.change(seen, UNCOVERED, "The second editor's words.", LATER)
    assert await services.cards.of_gap(gap.id) == [await services.cards.get(seen.id)]
    assert (await services.cards.get(seen.id)).text == changed.text


async def test_cards_outlive_refreshes_and_rebuilds(services: Services) -> None:
    card = await services.cards.write(UNCOVERED, ANSWER, LATER)
    run = await services.refresher.finished("test", rebuild=True)

    assert run.status is RunStatus.PROMOTED
    assert await services.cards.is_found(card)


async def test_source_of_cards_is_changed_card_by_card(services: Services) -> None:
    await services.cards.write(UNCOVERED, ANSWER, LATER)
    assert (await services.sources.get(CARDS)).kind is SourceKind.CARDS

    for refused in (services.curator.remove(CARDS), services.curator.change(CARDS, {"enabled": False})):
        with pytest.raises(InputError, match="one by one"):
            await refused
    with pytest.raises(InputError):
        await services.curator.add("more", {"kind": "cards"})
    with pytest.raises(InputError):
        await services.curator.add(CARDS, {"location": "https://example.org/"})


@pytest.mark.parametrize(
    ("question", "text", "said"),
    [
        (" ", ANSWER, "The question is empty"),
        (UNCOVERED, " \n", "The answer is empty"),
        ("x" * 301, ANSWER, "301 characters"),
        (UNCOVERED, "x" * 20_001, "20,001 characters"),
        (UNCOVERED, "one\x07two", "control character"),
        (UNCOVERED, "use ghp_" + "a1B2" * 10, r"a secret \(GitHub token\)"),
        ("Is AKIAABCDEFGHIJKLMNOP ours?", ANSWER, r"a secret \(AWS key\)"),
    ],
)
async def test_what_cannot_be_a_card_is_refused_in_words(
    services: Services, question: str, text: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        await services.cards.write(question, text, LATER)
    assert await services.cards.page(5) == []


async def test_day_of_the_review_lies_ahead(services: Services) -> None:
    with pytest.raises(InputError, match="day of the review"):
        await services.cards.write(UNCOVERED, ANSWER, now().date())


async def test_cards_come_in_the_order_of_their_review(services: Services) -> None:
    days = [LATER, LATER - timedelta(days=2), LATER - timedelta(days=1), LATER]
    cards = [await services.cards.write(f"Question {n}", ANSWER, day) for n, day in enumerate(days)]

    first = await services.cards.page(2)
    rest = await services.cards.page(9, (first[-1].review_on, first[-1].id))
    assert [card.id for card in [*first, *rest]] == [cards[n].id for n in (1, 2, 0, 3)]


async def test_hostile_markdown_is_kept_as_it_was_written(services: Services) -> None:
    text = "<script>alert(1)</script> [x](javascript:alert(1)) ![](http://evil.example/x.png)"
    card = await services.cards.write("What </h1><img src=x onerror=alert(1)>?", text, LATER)
    await services.cards.index(card, quietly)

    assert (await services.cards.get(card.id)).text == text
    assert await services.cards.is_found(card)
