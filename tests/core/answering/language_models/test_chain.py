"""Several endpoints in order over real sockets, and the quote behind them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from core.answering.language_models.breaker import FAILURES
from core.answering.language_models.choose import language_model, quoting
from core.answering.language_models.extractive import NAME
from core.answering.language_models.model import LanguageModel
from core.answering.language_models.prices import cost, estimated_tokens
from core.answering.prompts import framed_passages, framed_question
from core.errors import ModelError
from core.settings import load_settings
from tests.core.answering.language_models.asking import connections, said
from tests.core.answering.passages import passage
from tests.emulators.language_model import Cut, Failure, Hang, Reply, ScriptedModel, Text

PUSH = "Call `quill push` [1]."
BROKEN = Failure(500, "broken")
ASKED = (HumanMessage(f"{framed_passages([passage(1)])}\n\n{framed_question('Why?')}"),)
QUOTED = "so this is quoted from the knowledge base:\n\n**Page 1 — Part 1** [1]\n\nText of passage 1."


@pytest.fixture
async def second() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(name="second-model") as double:
        yield double


def chain(*doubles: ScriptedModel, **overrides: object) -> LanguageModel:
    """The doubles in order, the first of them as LLM_BASE_URL."""
    first, *others = doubles
    fallbacks = [{"base_url": double.base_url, "model": double.name} for double in others]
    settings: dict[str, Any] = {
        "llm_base_url": first.base_url,
        "llm_model": first.name,
        "llm_fallbacks": fallbacks,
        "llm_retries": 0,
    }
    return language_model(load_settings(**settings | overrides), connections())


async def test_first_endpoint_answers_alone(model: ScriptedModel, second: ScriptedModel) -> None:
    model.script(Text(PUSH))
    asked = chain(model, second)
    told = await said(asked, ASKED)
    assert (told.reply.text, told.reply.call.model, asked.name) == (PUSH, model.name, model.name)
    assert second.requests == []


@pytest.mark.parametrize("reply", [BROKEN, Cut(), Text(""), Failure(401, "no"), Failure(413, "too long"), Hang()])
async def test_next_endpoint_answers_unnoticed_and_is_named_in_the_call(
    model: ScriptedModel, second: ScriptedModel, reply: Reply
) -> None:
    model.script(reply)
    second.script(Text(PUSH))
    told = await said(chain(model, second, llm_first_token_timeout=0.3), ASKED)
    assert told.shown == told.reply.text == PUSH
    assert (told.reply.call.model, told.reply.note) == ("second-model", "")
    assert told.reply.call.endpoint in second.base_url


async def test_no_other_endpoint_is_asked_once_something_was_shown(model: ScriptedModel, second: ScriptedModel) -> None:
    model.script(Cut(after="Call `quill"))
    with pytest.raises(ModelError, match="stopped in the middle"):
        await said(chain(model, second), ASKED)
    assert second.requests == []


async def test_when_all_fail_the_passages_are_quoted_with_the_reason_of_the_first(
    model: ScriptedModel, second: ScriptedModel
) -> None:
    model.script(Failure(401, "no"))
    second.script(BROKEN)
    told = await said(chain(model, second), ASKED)
    assert told.shown == told.reply.text == f"The language model refused our key, {QUOTED}"
    assert told.reply.call.model == NAME


async def test_endpoint_that_is_away_is_told_in_the_quote() -> None:
    async with ScriptedModel() as gone:
        away = chain(gone)
    assert (await said(away, ASKED)).shown == f"The language model cannot be reached right now, {QUOTED}"


async def test_nothing_to_quote_is_told_with_the_reason_too(model: ScriptedModel) -> None:
    model.script(BROKEN)
    reply = (await said(chain(model), [HumanMessage("Why?")])).reply
    assert (reply.text, reply.note) == ("NOT_COVERED", "The language model is down right now.")


async def test_failures_are_logged_without_secrets(
    model: ScriptedModel, second: ScriptedModel, caplog: pytest.LogCaptureFixture
) -> None:
    model.script(Failure(401, "no key like sk-secret"))
    second.script(Text(PUSH))
    with caplog.at_level(logging.WARNING, logger="core.answering"):
        await said(chain(model, second, llm_api_key="sk-secret"), ASKED)
    (line,) = [record.getMessage() for record in caplog.records if record.name.endswith("chain")]
    assert model.name in line
    assert "HTTP 401" in line
    assert "sk-secret" not in line


async def test_endpoint_that_keeps_failing_is_not_asked_for_a_while(
    model: ScriptedModel, second: ScriptedModel
) -> None:
    model.respond_with(lambda _: BROKEN)
    second.respond_with(lambda _: Text(PUSH))
    asked = chain(model, second)
    for _ in range(FAILURES + 2):
        assert (await said(asked, ASKED)).reply.text == PUSH
    assert len(model.requests) == FAILURES


async def test_all_endpoints_at_rest_are_quoted_for_with_their_reason(model: ScriptedModel) -> None:
    model.script(Failure(402, "no credit"))
    asked = chain(model)
    first, again = [(await said(asked, ASKED)).shown for _ in range(2)]
    assert first == again == f"The account of the language model has no credit left, {QUOTED}"
    assert len(model.requests) == 1


async def test_askers_who_leave_do_not_count_against_an_endpoint(model: ScriptedModel) -> None:
    asked = chain(model)
    for number in range(1, FAILURES + 1):
        model.script(Hang(after="Call"))
        async with aclosing(asked.stream(ASKED, prompt="agent.v1")) as stream:
            await anext(stream)
        await model.wait_for(lambda double, number=number: double.abandoned == number)
    model.script(Hang())
    asking = asyncio.create_task(said(asked, ASKED))
    await model.wait_for(lambda double: len(double.requests) == FAILURES + 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    model.script(Text(PUSH))
    assert (await said(asked, ASKED)).reply.text == PUSH


async def test_without_endpoints_everything_is_quoted() -> None:
    asked = language_model(load_settings(), connections())
    assert asked.name == NAME
    assert (await said(asked, ASKED)).shown == f"No language model is set up, {QUOTED}"


async def test_brief_that_may_cost_nothing_is_quoted_for_with_its_reason() -> None:
    assert (
        await said(quoting("The budget of today is spent."), ASKED)
    ).shown == f"The budget of today is spent, {QUOTED}"


@pytest.mark.parametrize(
    ("tokens_in", "tokens_out", "expected"), [(0, 0, 0), (1_000_000, 0, 150_000), (1_000, 500, 450), (3, 1, 1)]
)
def test_cost_is_in_micro_dollars(tokens_in: int, tokens_out: int, expected: int) -> None:
    prices = {"small": (0.15, 0.60)}
    assert cost(prices, "small", tokens_in, tokens_out) == expected
    assert cost(prices, "unknown", tokens_in, tokens_out) == 0


@pytest.mark.parametrize(("characters", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2)])
def test_tokens_are_estimated_from_characters(characters: int, tokens: int) -> None:
    assert estimated_tokens(characters) == tokens
