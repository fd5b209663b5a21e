"""Processes that know of each other, and what is counted a day, on SQLite and on Postgres."""

import asyncio
from collections.abc import Callable
from datetime import date

from core.domain.conversation import Answer, Question
from core.storage.engine import Database
from core.storage.executors import Executors
from core.storage.spending import Spending
from core.storage.turns import Turns

TODAY = date(2026, 11, 24)


async def test_process_says_that_it_lives(database: Database) -> None:
    executors = Executors(database)
    await executors.beat("one")
    await executors.beat("one")
    await executors.beat("two")
    assert await executors.beats() == {"one": 2, "two": 1}


async def test_process_is_remembered_while_its_questions_are_open(
    database: Database, turns: Turns, ask: Callable[..., Question]
) -> None:
    executors = Executors(database)
    await executors.beat("gone")
    await turns.claim(ask("How?"), keeper="gone")
    await executors.forget("gone")
    assert await executors.beats() == {"gone": 1}
    await turns.complete("event of How?", Answer("So."))
    await turns.delivered("event of How?")
    await executors.forget("gone")
    assert await executors.beats() == {}


async def test_process_that_was_forgotten_is_known_by_what_it_promised_since(
    database: Database, turns: Turns, ask: Callable[..., Question]
) -> None:
    executors = Executors(database)
    await turns.claim(ask("How?"), keeper="slow")
    assert await executors.beats() == {"slow": 0}
    await executors.beat("slow")
    assert await executors.beats() == {"slow": 1}


async def test_costs_of_a_day_add_up_for_each_account(database: Database) -> None:
    spending = Spending(database)
    ada, team = ("user", "slack:T1:U1"), ("workspace", "slack:T1")
    await asyncio.gather(*(spending.add(TODAY, [ada, team], 10, 100) for _ in range(5)))
    await spending.add(TODAY, [team], 7, 70)
    await spending.add(date(2026, 11, 25), [ada], 1, 1)
    assert await spending.spent(TODAY, [ada, team, ("user", "slack:T1:U2")]) == {ada: 50, team: 57}
