"""One endpoint over a real socket: its stream, its failures, its limits, and what it is asked."""

import asyncio
from contextlib import aclosing

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from core.answering.language_models.failures import EMPTY, STOPPED, TOO_SLOW
from core.answering.language_models.incoming import CUT_OFF, LONGEST, TOO_LONG
from core.answering.language_models.model import Delta
from core.answering.tools import TOOLS
from core.domain.conversation import ModelCall
from core.errors import ModelError, ModelRejected, QuestionRejected
from tests.core.answering.language_models.asking import HELLO, endpoint, said
from tests.core.answering.speaking_model import BrokenStream, KeptAlive
from tests.emulators.language_model import (
    Cut,
    Deltas,
    Failure,
    Hang,
    Json,
    Pause,
    Reply,
    ScriptedModel,
    Text,
    ToolCall,
    Whole,
)

PUSH = "Call `quill push` [1]."


def refused(status: int, message: str = "no") -> Failure:
    return Failure(status, {"error": {"message": message}})


async def test_text_comes_in_pieces_and_the_reply_is_all_of_them(model: ScriptedModel) -> None:
    begun, rest = asyncio.Event(), PUSH.removeprefix("Call ")
    model.script(Pause(begun, rest, after="Call "))
    pieces: list[str] = []
    async for piece in endpoint(model).stream(HELLO, prompt="agent.v1"):
        if isinstance(piece, Delta):
            pieces.append(piece.text)
            begun.set()
        else:
            reply = piece
    assert pieces[0] == "Call "
    assert "".join(pieces) == reply.text == PUSH
    assert (reply.tools, reply.note) == ((), "")


async def test_request_is_written_as_the_protocol_wants_it(model: ScriptedModel) -> None:
    model.script(Text(PUSH))
    call = {"id": "c1", "name": "calculate", "args": {"expression": "6 * 7"}, "type": "tool_call"}
    messages = [
        SystemMessage("Be brief."),
        HumanMessage("What is 6 * 7?"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("42", tool_call_id="c1"),
    ]
    await said(endpoint(model, llm_temperature=0.7), messages, TOOLS)
    (request,) = model.requests
    assert [message["role"] for message in request["messages"]] == ["system", "user", "assistant", "tool"]
    function = request["messages"][2]["tool_calls"][0]["function"]
    assert (function["name"], function["arguments"]) == ("calculate", '{"expression": "6 * 7"}')
    assert request["messages"][3]["tool_call_id"] == "c1"
    assert [tool["function"]["name"] for tool in request["tools"]] == ["search_mlops_docs", "calculate"]
    assert request["tools"][0]["function"]["parameters"]["required"] == ["query"]
    assert (request["model"], request["stream"], request["temperature"]) == (model.name, True, 0.7)
    assert request["stream_options"] == {"include_usage": True}


async def test_call_is_accounted_with_the_tokens_that_the_endpoint_counts(model: ScriptedModel) -> None:
    model.script(Text("x" * 4_000, chunk_size=500))
    call = (await said(endpoint(model, llm_prices={model.name: (2.0, 8.0)}))).reply.call
    assert (call.prompt, call.model) == ("agent.v1", model.name)
    assert call.endpoint in model.base_url
    assert call.tokens_in > 0
    assert call.tokens_out > 1_000
    assert call.cost == 2 * call.tokens_in + 8 * call.tokens_out
    assert call.first_token <= call.milliseconds


async def test_tokens_are_estimated_where_the_endpoint_counts_none(model: ScriptedModel) -> None:
    model.script(Deltas([{"content": "x" * 400}]))
    call = (await said(endpoint(model))).reply.call
    assert call.tokens_out == 100
    assert 0 < call.tokens_in < 100
    assert call.cost == 0


@pytest.mark.parametrize("status", [400, 422])
async def test_endpoint_that_knows_no_usage_is_asked_without_and_remembered(model: ScriptedModel, status: int) -> None:
    def strict(asked: Json) -> Reply:
        return refused(status, "Bad request") if "stream_options" in asked else Text(PUSH)

    model.respond_with(strict)
    asked = endpoint(model)
    assert (await said(asked)).reply.text == PUSH
    assert (await said(asked)).reply.text == PUSH
    assert ["stream_options" in request for request in model.requests] == [True, False, False]


@pytest.mark.parametrize(
    ("field", "refusal"),
    [
        ("tools", refused(400, "registry.ollama.ai/library/llama3 does not support tools")),
        ("tools", refused(404, "No endpoints found that support tool use.")),
        ("tools", refused(400, '"auto" tool choice requires --enable-auto-tool-choice')),
        ("temperature", refused(400, "Unsupported value: 'temperature' does not support 0.2 with this model.")),
    ],
)
async def test_what_a_model_cannot_do_is_left_out_and_remembered(
    model: ScriptedModel, field: str, refusal: Failure
) -> None:
    model.respond_with(lambda asked: refusal if field in asked else Text(PUSH))
    asked = endpoint(model)
    assert (await said(asked, tools=TOOLS)).reply.text == PUSH
    assert (await said(asked, tools=TOOLS)).reply.text == PUSH
    assert [field in request for request in model.requests] == [True, False, False]
    assert all("stream_options" in request for request in model.requests)


async def test_what_was_left_out_is_remembered_of_askers_who_stop_at_the_reply_too(model: ScriptedModel) -> None:
    model.respond_with(lambda asked: refused(400) if "stream_options" in asked else Text(PUSH))
    asked = endpoint(model)
    for _ in range(2):
        async with aclosing(asked.stream(HELLO, prompt="agent.v1")) as pieces:
            await anext(pieces)
    assert len(model.requests) == 3


async def test_question_that_is_not_accepted_takes_nothing_from_the_next_one(model: ScriptedModel) -> None:
    asked = endpoint(model)
    model.script(refused(400, "maximum context length is 4096 tokens"), refused(400, "maximum context length"))
    with pytest.raises(QuestionRejected, match="did not accept the question"):
        await said(asked)
    model.script(Text(PUSH))
    assert (await said(asked)).reply.text == PUSH
    assert "stream_options" in model.requests[-1]


@pytest.mark.parametrize(
    ("reply", "sentence", "kind"),
    [
        (refused(401, "bad key"), "refused our key", ModelRejected),
        (refused(402), "no credit left", ModelRejected),
        (refused(403), "refused our key", ModelRejected),
        (refused(404, "no such model"), "does not know the model", ModelRejected),
        (refused(413), "did not accept the question", QuestionRejected),
        (refused(429), "too many questions", ModelError),
        (refused(500), "is down right now", ModelError),
        (Failure(502, "<html>Bad Gateway</html>"), "is down right now", ModelError),
        (Cut(), "cannot be reached right now", ModelError),
        (Failure(200, "data: [DONE]\n\n"), "gave an empty answer", ModelError),
        (Failure(200, "<html>Welcome</html>"), "stopped in the middle", ModelError),
        (Failure(200, "[1, 2]"), "stopped in the middle", ModelError),
        (Failure(200, 'data: {"choices": [{"delta": {"content": "half'), "stopped in the middle", ModelError),
        (Failure(200, 'data: {"error": {"code": 401, "message": "no"}}\n\n'), "refused our key", ModelRejected),
        (Failure(200, 'data: {"error": "overloaded"}\n\n'), "stopped in the middle", ModelError),
        (Text(""), "gave an empty answer", ModelError),
        (Text(" \n "), "gave an empty answer", ModelError),
        (Deltas([{"content": None, "reasoning_content": "Hm."}]), "gave an empty answer", ModelError),
        (Deltas([], finish=None, done=False), "stopped in the middle", ModelError),
    ],
)
async def test_each_failure_has_its_sentence(
    model: ScriptedModel, reply: Reply, sentence: str, kind: type[ModelError]
) -> None:
    model.script(reply)
    with pytest.raises(ModelError, match=sentence) as failure:
        await said(endpoint(model))
    assert type(failure.value) is kind
    assert len(model.requests) == 1


async def test_endpoint_that_is_not_there_is_named_in_the_detail_alone() -> None:
    async with ScriptedModel() as gone:
        away = endpoint(gone)
    with pytest.raises(ModelError, match="cannot be reached") as failure:
        await said(away)
    assert "127.0.0.1" in failure.value.detail
    assert "127.0.0.1" not in failure.value.said


async def test_key_never_stands_in_an_error(model: ScriptedModel) -> None:
    model.script(refused(401, "Incorrect API key provided: sk-very-secret"))
    with pytest.raises(ModelRejected) as failure:
        await said(endpoint(model, llm_api_key="sk-very-secret"))
    assert "sk-very-secret" not in str(failure.value)


async def test_key_that_no_header_can_carry_is_told(model: ScriptedModel) -> None:
    with pytest.raises(ModelRejected, match="cannot be sent"):
        await said(endpoint(model, llm_api_key="schlüssel…"))


@pytest.mark.parametrize(
    "reply",
    [
        refused(408),
        refused(409),
        Failure(429, "slow down", retry_after=0),
        refused(500),
        refused(503),
        Cut(),
        Text(""),
        BrokenStream(""),
        Deltas([], finish=None, done=False),
        Deltas([{"content": "<think>Hm."}], finish=None, done=False),
        Failure(200, 'data: {"error": {"code": 503, "message": "overloaded"}}\n\n'),
    ],
)
async def test_passing_failure_is_tried_again_unnoticed(model: ScriptedModel, reply: Reply) -> None:
    model.script(reply, Text(PUSH))
    told = await said(endpoint(model, llm_retries=1))
    assert told.shown == told.reply.text == PUSH
    assert len(model.requests) == 2


async def test_tries_are_bounded(model: ScriptedModel) -> None:
    model.respond_with(lambda _: refused(500))
    with pytest.raises(ModelError, match="is down right now"):
        await said(endpoint(model, llm_retries=1))
    assert len(model.requests) == 2


@pytest.mark.parametrize("status", [401, 402, 403, 404, 413])
async def test_refusal_is_not_tried_again(model: ScriptedModel, status: int) -> None:
    model.respond_with(lambda _: refused(status))
    with pytest.raises(ModelRejected):
        await said(endpoint(model, llm_retries=3))
    assert len(model.requests) == 1


async def test_endpoint_that_asks_for_a_long_pause_is_given_up_at_once(model: ScriptedModel) -> None:
    model.script(Failure(429, "slow down", retry_after=3_600))
    with pytest.raises(ModelError, match="too many questions"):
        await said(endpoint(model, llm_retries=3))
    assert len(model.requests) == 1


@pytest.mark.parametrize("reply", [Cut(after="Call `quill"), BrokenStream("Call `quill")])
async def test_break_after_something_was_shown_is_told_and_not_tried_again(model: ScriptedModel, reply: Reply) -> None:
    model.script(reply)
    shown: list[str] = []

    async def watch() -> None:
        async for piece in endpoint(model, llm_retries=3).stream(HELLO, prompt="agent.v1"):
            assert isinstance(piece, Delta)
            shown.append(piece.text)

    with pytest.raises(ModelError) as failure:
        await watch()
    assert failure.value.said == STOPPED
    assert "".join(shown) == "Call `quill"
    assert len(model.requests) == 1


@pytest.mark.parametrize("reply", [Hang(), KeptAlive(""), KeptAlive("", chunk_size=1)])
async def test_first_token_is_waited_for_so_long_whatever_signs_of_life_come(
    model: ScriptedModel, reply: Reply
) -> None:
    model.script(reply)
    with pytest.raises(ModelError) as failure:
        await said(endpoint(model, llm_first_token_timeout=0.2))
    assert failure.value.said == TOO_SLOW
    await model.wait_for(lambda double: double.abandoned == 1)


@pytest.mark.parametrize("reply", [Hang(after="Call"), KeptAlive("Call")])
@pytest.mark.parametrize("limit", ["llm_token_timeout", "llm_timeout"])
async def test_next_token_and_the_whole_are_waited_for_so_long(model: ScriptedModel, reply: Reply, limit: str) -> None:
    model.script(reply)
    with pytest.raises(ModelError) as failure:
        await said(endpoint(model, **{limit: 0.3}))
    assert failure.value.said == STOPPED
    assert TOO_SLOW in failure.value.detail
    await model.wait_for(lambda double: double.abandoned == 1)


async def test_reply_of_a_megabyte_is_cut_off(model: ScriptedModel) -> None:
    text = "Push it [1]. " + "Again and again, word by word. " * 33_000
    model.script(Text(text, chunk_size=2_000))
    told = await said(endpoint(model))
    assert told.shown == told.reply.text == text[:LONGEST]
    assert told.reply.note == TOO_LONG


async def test_reply_that_is_long_enough_is_listened_to_no_further(model: ScriptedModel) -> None:
    model.script(KeptAlive("a" * LONGEST, chunk_size=2_000))
    assert (await said(endpoint(model))).reply.text == "a" * LONGEST
    await model.wait_for(lambda double: double.abandoned == 1)


async def test_reply_that_hit_its_limit_says_so(model: ScriptedModel) -> None:
    model.script(Deltas([{"content": PUSH}], finish="length"))
    assert (await said(endpoint(model))).reply.note == CUT_OFF


@pytest.mark.parametrize("size", [20, 500_000])
async def test_endpoint_that_does_not_stream_works(model: ScriptedModel, size: int) -> None:
    model.script(Whole("a" * size))
    told = await said(endpoint(model))
    assert told.shown == told.reply.text == ("a" * size)[:LONGEST]
    assert told.reply.call.tokens_out >= size // 4


async def test_content_in_parts_is_text(model: ScriptedModel) -> None:
    parts = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": PUSH}]
    model.script(Deltas([{"content": parts}]))
    assert (await said(endpoint(model))).shown == PUSH


@pytest.mark.parametrize(
    "body",
    [
        'data: {"choices": [{"delta": {"content": "Grüße"}, "finish_reason": "stop"}]}',
        'data:{"choices": [{"delta": {"content": "Grüße"}}]}\r\n\r\ndata: [DONE]\r\n\r\n',
        ': hello\n\nevent: message\nid: 1\ndata: {"choices": [{"delta": {"content": "Grüße"}}]}\n\ndata: [DONE]\n\n',
        '{"choices": [\n  {"message": {"content": "Grüße"}, "finish_reason": "stop"}\n]}\n',
    ],
)
async def test_streams_are_read_however_they_are_written(model: ScriptedModel, body: str) -> None:
    model.script(Failure(200, body))
    assert (await said(endpoint(model))).shown == "Grüße"


async def test_leaving_closes_the_connection_at_once(model: ScriptedModel) -> None:
    model.script(Hang(after="Call"))
    async with aclosing(endpoint(model).stream(HELLO, prompt="agent.v1")) as stream:
        assert isinstance(await anext(stream), Delta)
    await model.wait_for(lambda double: double.abandoned == 1)


async def test_cancelling_before_the_first_token_closes_the_connection_too(model: ScriptedModel) -> None:
    model.script(Hang())
    asking = asyncio.create_task(said(endpoint(model)))
    await model.wait_for(lambda double: len(double.requests) == 1)
    asking.cancel()
    await model.wait_for(lambda double: double.abandoned == 1)
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_calls_side_by_side_do_not_mix(model: ScriptedModel) -> None:
    model.respond_with(lambda asked: Text(asked["messages"][0]["content"] * 50, chunk_size=3))
    one = endpoint(model)
    told = await asyncio.gather(*(said(one, [HumanMessage(f"<{n}>")]) for n in range(20)))
    assert [t.reply.text for t in told] == [f"<{n}>" * 50 for n in range(20)]


async def test_call_and_text_of_one_reply_are_both_there(model: ScriptedModel) -> None:
    model.script(ToolCall("calculate", {"expression": "6 * 7"}))
    told = await said(endpoint(model), tools=TOOLS)
    (request,) = told.reply.tools
    assert (request.name, request.arguments, request.problem) == ("calculate", {"expression": "6 * 7"}, "")
    assert isinstance(told.reply.call, ModelCall)
    assert told.deltas == []


async def test_empty_reply_is_told_only_after_all_tries(model: ScriptedModel) -> None:
    model.respond_with(lambda _: Text(""))
    with pytest.raises(ModelError) as failure:
        await said(endpoint(model, llm_retries=1))
    assert failure.value.said == EMPTY
    assert len(model.requests) == 2
