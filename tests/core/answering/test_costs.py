"""What a turn costs is counted, however it ends: answered, stopped or broken off."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from core.bootstrap import Services
from core.domain.conversation import Mode, Question
from core.domain.events import TextDelta
from core.errors import ModelError, TurnStopped
from core.storage.ids import now
from core.storage.spending import Spending
from tests.core.answering.asking import COVERED, ask, gather, question
from tests.core.answering.speaking_model import BrokenStream
from tests.emulators.language_model import Hang, ScriptedModel, Text, ToolCall

PUSH = "Call `quill push` [1]."
SEARCH = ToolCall("search_mlops_docs", {"query": "Keep Quillstore models on S3"})
PRICES = {"scripted-model": (100.0, 1_000.0)}
ADA = ("user", "test::ada")

Room = Callable[..., Awaitable[Services]]


async def spent(services: Services) -> int:
    """Micro-dollars that Ada has cost today."""
    return (await Spending(services.turns._database).spent(now().date(), [ADA])).get(ADA, 0)


async def turn_is_over(services: Services) -> None:
    await services.answering.drain(60)


async def stop_while_it_is_written(services: Services, asked: Question) -> None:
    async def follow() -> None:
        async for event in services.answering.ask(asked):
            if isinstance(event, TextDelta):
                await services.answering.stop(asked.event_id)

    with pytest.raises(TurnStopped):
        await follow()
    await turn_is_over(services)


async def test_answer_costs_what_its_calls_cost(open_room: Room, model: ScriptedModel) -> None:
    room = await open_room(llm_prices=PRICES)
    model.script(SEARCH, Text(PUSH))
    turn = await ask(room)
    await turn_is_over(room)
    assert len(turn.answer.trace.calls) == 2
    assert await spent(room) == turn.answer.trace.cost > 0


@pytest.mark.parametrize("mode", list(Mode))
async def test_who_stops_an_answer_pays_for_what_was_made_of_it(
    open_room: Room, model: ScriptedModel, mode: Mode
) -> None:
    room = await open_room(llm_prices=PRICES)
    if mode is Mode.CREW:
        model.script(Text("Final Answer: Call `quill push` [1]."))
    model.script(Hang(after="Call `quill push` to store"))
    await stop_while_it_is_written(room, question(mode=mode))
    assert await spent(room) > 0


async def test_answer_that_broke_off_is_paid_for(open_room: Room, model: ScriptedModel) -> None:
    room = await open_room(llm_prices=PRICES)
    model.script(BrokenStream("Call `quill"))
    with pytest.raises(ModelError):
        await ask(room)
    await turn_is_over(room)
    assert await spent(room) > 0


async def test_what_was_not_begun_costs_nothing(open_room: Room, model: ScriptedModel) -> None:
    room = await open_room(llm_prices=PRICES)
    model.script(Hang())
    asked = question()
    await room.answering.accept(asked)
    await model.wait_for(lambda double: double.waiting == 1)
    await room.answering.stop(asked.event_id)
    with pytest.raises(TurnStopped):
        await gather(room.answering.answer(asked))
    await turn_is_over(room)
    assert await spent(room) == 0


async def test_stopping_does_not_get_around_a_budget(open_room: Room, model: ScriptedModel) -> None:
    room = await open_room(llm_prices=PRICES, budget_user=0.000_001)
    model.script(Hang(after="Call `quill push` to store"))
    await stop_while_it_is_written(room, question())
    turn = await ask(room, COVERED, session="another")
    assert turn.answer.text.startswith("Your budget for today is used up, so this is quoted")
    assert len(model.requests) == 1


async def test_asker_is_told_of_a_failure_before_its_cost_is_stored(
    open_room: Room, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await open_room(llm_prices=PRICES)
    stored = asyncio.Event()

    async def add(*_: object) -> None:
        await stored.wait()

    monkeypatch.setattr(Spending, "add", add)
    model.script(BrokenStream("Call `quill"))
    with pytest.raises(ModelError):
        await ask(room)
    stored.set()
    await turn_is_over(room)
