"""What may be spent a day, by whom, and what is said when it is used up; on SQLite and on Postgres."""

from dataclasses import replace

import pytest

from core.answering.turns.budgets import Allowance, Budgets, accounts
from core.domain.conversation import ModelCall, Question, SessionKey
from core.storage.engine import Database
from core.storage.spending import Spending

QUESTION = Question(SessionKey("slack", "T1", "C1", "1.0"), "How?", "E1", "U1")


def costing(micro_dollars: int) -> list[ModelCall]:
    return [ModelCall("agent.v1", "e", "m", 100, 50, micro_dollars)]


@pytest.fixture
def spending(database: Database) -> Spending:
    return Spending(database)


async def test_without_limits_everything_is_allowed_and_counted(spending: Spending) -> None:
    budgets = Budgets(spending, {})
    await budgets.charge(QUESTION, costing(9_000_000))
    assert await budgets.allowance(QUESTION) == Allowance()
    assert await Budgets(spending, {"user": 1}).allowance(QUESTION) != Allowance()


async def test_asker_is_warned_at_eighty_per_cent(spending: Spending) -> None:
    budgets = Budgets(spending, {"user": 1_000})
    await budgets.charge(QUESTION, costing(799))
    assert await budgets.allowance(QUESTION) == Allowance()
    await budgets.charge(QUESTION, costing(1))
    assert await budgets.allowance(QUESTION) == Allowance(warning="Your budget for today is used up to 80%.")


@pytest.mark.parametrize(
    ("scope", "owner", "other"),
    [
        ("user", "Your budget", replace(QUESTION, author="U2")),
        ("channel", "This channel's budget", replace(QUESTION, session=SessionKey("slack", "T1", "C2", "1.0"))),
        ("workspace", "This workspace's budget", replace(QUESTION, session=SessionKey("slack", "T2", "C1", "1.0"))),
    ],
)
async def test_a_budget_that_is_used_up_stops_its_owner_and_nobody_else(
    spending: Spending, scope: str, owner: str, other: Question
) -> None:
    budgets = Budgets(spending, {scope: 1_000})
    await budgets.charge(QUESTION, costing(1_000))
    assert (await budgets.allowance(QUESTION)).spent == f"{owner} for today is used up"
    assert await budgets.allowance(other) == Allowance()


async def test_an_answer_that_cost_nothing_is_not_written_down(spending: Spending) -> None:
    budgets = Budgets(spending, {"workspace": 0})
    await budgets.charge(QUESTION, costing(0))
    assert (await budgets.allowance(QUESTION)).spent  # a budget of nothing is used up from the start


def test_callers_without_a_name_share_the_budget_of_their_platform() -> None:
    assert accounts(Question(SessionKey.http("s"), "How?", "E")) == [("workspace", "http:")]
