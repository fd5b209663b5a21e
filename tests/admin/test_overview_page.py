"""The overview: figures of a period kept to a place, what needs attention with its link, and an empty state."""

import asyncio
from datetime import timedelta

import pytest
from nicegui import ui
from nicegui.testing import User

from core.bootstrap import Services
from core.domain.conversation import Answer, Mode, ModelCall, Question, SessionKey, Trace
from core.domain.tally import Period
from core.storage.ids import now

SLACK = SessionKey("slack", "T1", "C1", "1.0")
DISCORD = SessionKey("discord", "G1", "help", "7")
BILL = Trace(calls=(ModelCall("agent.v1", "here", "a-model", tokens_in=900, tokens_out=100, cost=2_500_000),))
PATIENCE = 50
"""Tenths of a second that a page may take to show something, on a busy machine."""

GOOD = Answer("So.", milliseconds=4_000, first_text=1_000, trace=BILL)


async def asked(
    services: Services,
    session: SessionKey = SLACK,
    answer: Answer | None = GOOD,
    author: str = "U1",
    mode: Mode = Mode.AGENT,
) -> None:
    event = f"event {session.channel} {author} {mode}"
    await services.turns.claim(Question(session, "How?", event, author, mode))
    if answer:
        await services.turns.complete(event, answer)
    else:
        await services.turns.fail(event, "The model is down.")
    await services.tally.catch_up()


def said(user: User, tile: str, part: str = "value") -> str:
    [label] = user.find(marker=f"tile-{tile}-{part}", kind=ui.label).elements
    return label.text


async def shown(user: User, tile: str, value: str) -> None:
    """Waits until a tile shows a value."""
    for _ in range(PATIENCE):
        if said(user, tile) == value:
            return
        await asyncio.sleep(0.1)
    assert said(user, tile) == value


def choose(user: User, switch: str, value: str) -> None:
    for element in user.find(marker=switch).elements:
        assert isinstance(element, ui.select | ui.toggle)
        element.set_value(value)


async def test_empty_overview_says_what_to_do(owner: User) -> None:
    await owner.open("/overview")
    await owner.should_see("Nobody has asked anything in this time")
    await owner.should_see("Nothing needs attention now")


async def test_figures_of_what_was_asked_are_shown(owner: User, console_services: Services) -> None:
    await asked(console_services)
    await asked(console_services, author="U2", answer=Answer("No.", covered=False, milliseconds=400, first_text=400))
    await asked(console_services, author="U3", answer=None)
    await owner.open("/overview")

    assert [said(owner, tile) for tile in ("questions", "answered", "not-covered", "failed", "people")] == [
        "3", "1", "1", "1", "3",
    ]  # fmt: skip
    assert said(owner, "cost") == "$2.50"
    assert said(owner, "tokens") == "1.0 K"
    await owner.should_see("33% of questions")
    await owner.should_see("Slack · T1 / C1")


async def test_figures_are_kept_to_what_the_address_names(owner: User, console_services: Services) -> None:
    await asked(console_services)
    await asked(console_services, mode=Mode.CREW)
    await asked(console_services, session=DISCORD)
    for query, questions in {
        "": "3",
        "?platform=slack": "2",
        "?platform=slack&workspace=T1&channel=C1&mode=crew": "1",
        "?platform=discord&period=30d": "1",
    }.items():
        await owner.open(f"/overview{query}")
        assert said(owner, "questions") == questions


@pytest.mark.parametrize(
    "query", ["?period=century&mode=oracle", "?platform=%3Cb%3E", "?channel='--", "?workspace=%00"]
)
async def test_address_that_names_nothing_known_is_no_failure(owner: User, query: str) -> None:
    await owner.open(f"/overview{query}")
    await owner.should_see("Nobody has asked anything in this time")


async def test_switches_change_figures_and_address(owner: User, console_services: Services) -> None:
    await asked(console_services)
    await asked(console_services, session=DISCORD)
    await owner.open("/overview")

    choose(owner, "where", "platform=discord&workspace=G1&channel=help")
    await shown(owner, "questions", "1")
    choose(owner, "period", Period.MONTH)
    await owner.should_see("against the 30 days before", retries=PATIENCE)
    choose(owner, "mode", "crew")
    await owner.should_see("Nobody has asked anything in this time", retries=PATIENCE)


async def test_rows_lead_to_the_sessions_behind_them(owner: User, console_services: Services) -> None:
    await asked(console_services, session=DISCORD)
    await owner.open("/overview?period=24h")
    targets = {link.props["href"] for link in owner.find(kind=ui.link).elements}
    since = f"since={now() - timedelta(hours=23):%Y-%m-%d}"
    assert {f"/sessions?platform=discord&workspace=G1&channel=help&{since}", f"/sessions?mode=agent&{since}"} <= targets


async def test_charts_are_told_in_words_and_in_numbers(owner: User, console_services: Services) -> None:
    await asked(console_services)
    await owner.open("/overview?period=24h")

    words = [chart.props["aria-label"] for chart in owner.find(kind=ui.echart).elements]
    assert any(word.startswith("Questions: 1, most: ") for word in words)

    [fold] = owner.find(kind=ui.expansion).elements
    fold.open()
    await owner.should_see("Hour (UTC)")


async def test_failing_source_is_named_with_a_link_to_it(owner: User, console_services: Services) -> None:
    await console_services.sources.looked_at("knowledge", "<b>3 of 5 pages</b>: the site is away")
    await owner.open("/overview")

    await owner.should_see("Source knowledge could not be read in full: <b>3 of 5 pages</b>: the site is away")
    [link] = owner.find(marker="concern-source").elements
    assert link.props["href"] == "/sources/knowledge"


async def test_console_begins_with_the_overview(owner: User) -> None:
    reply = await owner.http_client.get("/")
    assert reply.headers["location"] == "/admin/overview"
