"""The model double, asked by the clients that the product uses."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import httpx
import openai
import pytest
import pytest_asyncio
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_openai import ChatOpenAI
from openai.types.chat import ChatCompletionMessageParam
from pydantic import SecretStr

from .language_model import Cut, Failure, Hang, Json, Reply, ScriptedModel, Text, ToolCall, ToolCalls

pytestmark = pytest.mark.asyncio
Chat: TypeAlias = Callable[..., ChatOpenAI]
LONG = "The registry holds every model version, its metrics and its lineage."


@pytest_asyncio.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(api_key="key") as double:
        yield double


@pytest_asyncio.fixture
async def chat(model: ScriptedModel) -> AsyncIterator[Chat]:
    async with httpx.AsyncClient() as http:
        setting: Json = {"model": model.name, "base_url": model.base_url, "api_key": SecretStr("key")}
        setting |= {"max_retries": 0, "stream_usage": True, "http_async_client": http}
        yield lambda **changes: ChatOpenAI(**(setting | changes))


async def read_stream(client: ChatOpenAI, question: str = "hi") -> list[AIMessageChunk]:
    chunks = [chunk async for chunk in client.astream(question)]
    assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks)
    return chunks


async def test_whole_text(model: ScriptedModel, chat: Chat) -> None:
    model.script(Text(LONG))
    answer = await chat().ainvoke("what is the registry?")
    assert answer.content == LONG
    assert answer.usage_metadata
    assert answer.usage_metadata["output_tokens"] > 0
    assert model.requests[0]["messages"] == [{"content": "what is the registry?", "role": "user"}]


async def test_streamed_text_comes_in_chunks_with_usage(model: ScriptedModel, chat: Chat) -> None:
    model.script(Text(LONG, chunk_size=5))
    chunks = await read_stream(chat())
    assert "".join(str(chunk.content) for chunk in chunks) == LONG
    assert len([chunk for chunk in chunks if chunk.content]) == -(-len(LONG) // 5)
    assert [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]


async def test_no_usage_chunk_unless_asked_for(model: ScriptedModel) -> None:
    model.script(Text("hi"))
    async with openai.AsyncOpenAI(base_url=model.base_url, api_key="key") as client:
        asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
        stream = await client.chat.completions.create(model="any", messages=asked, stream=True)
        chunks = [chunk async for chunk in stream]
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("streaming", [True, False])
async def test_tool_calls(model: ScriptedModel, chat: Chat, streaming: bool) -> None:
    calls = [ToolCall("search", {"query": "drift in the features"}), ToolCall("open", {"page": 2}, id="mine")]
    model.script(ToolCalls(calls))
    if streaming:
        first, *others = await read_stream(chat())
        answer: AIMessage = sum(others, start=first)
    else:
        answer = await chat().ainvoke("hi")
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
        ("search", {"query": "drift in the features"}),
        ("open", {"page": 2}),
    ]
    assert answer.tool_calls[1]["id"] == "mine"


async def test_tool_call_ids_differ_between_turns(model: ScriptedModel, chat: Chat) -> None:
    model.script(ToolCall("search"), ToolCall("search"))
    answers = [await chat().ainvoke("hi") for _ in range(2)]
    assert len({answer.tool_calls[0]["id"] for answer in answers}) == 2


async def test_broken_tool_arguments_go_out_unchanged(model: ScriptedModel, chat: Chat) -> None:
    model.script(ToolCall("search", '{"query": '))
    answer = await chat().ainvoke("hi")
    assert answer.invalid_tool_calls[0]["args"] == '{"query": '


async def test_wrong_key(model: ScriptedModel, chat: Chat) -> None:
    model.script(Text("never"))
    with pytest.raises(openai.AuthenticationError):
        await chat(api_key=SecretStr("other")).ainvoke("hi")
    assert model.requests == []


async def test_failure_then_retry(model: ScriptedModel, chat: Chat) -> None:
    model.script(Failure(429, {"error": {"message": "slow down"}}, retry_after=0), Text("now"))
    answer = await chat(max_retries=1).ainvoke("hi")
    assert answer.content == "now"
    assert len(model.requests) == 2


async def test_nothing_scripted_says_so_and_is_not_retried(model: ScriptedModel, chat: Chat) -> None:
    with pytest.raises(openai.InternalServerError, match="nothing scripted"):
        await chat(max_retries=3).ainvoke("hi")
    assert len(model.requests) == 1


async def test_cut_stream(model: ScriptedModel, chat: Chat) -> None:
    model.script(Cut(after="The registry "))
    seen: list[str] = []

    async def read() -> None:
        async for chunk in chat().astream("hi"):
            seen.append(str(chunk.content))  # noqa: PERF401 - what came before the error is wanted

    with pytest.raises((openai.APIError, httpx.TransportError)):
        await read()
    assert "".join(seen) == "The registry "


async def test_cut_without_streaming(model: ScriptedModel, chat: Chat) -> None:
    model.script(Cut())
    with pytest.raises(openai.APIConnectionError):
        await chat().ainvoke("hi")


@pytest.mark.parametrize("after", ["", "The reg"])
async def test_hang_ends_when_the_client_goes(model: ScriptedModel, chat: Chat, after: str) -> None:
    model.script(Hang(after))
    asking = asyncio.create_task(read_stream(chat()))
    await model.wait_for(lambda m: len(m.requests) == 1)
    asking.cancel()
    await model.wait_for(lambda m: m.abandoned == 1)
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_fallback_sees_the_request_after_the_script_is_used_up(model: ScriptedModel, chat: Chat) -> None:
    def echo(asked: Json) -> Reply:
        return Text(asked["messages"][-1]["content"].upper())

    model.script(Text("scripted"))
    model.respond_with(echo)
    assert [(await chat().ainvoke("hi")).content for _ in range(2)] == ["scripted", "HI"]


async def test_stop_sequences_end_the_text(model: ScriptedModel, chat: Chat) -> None:
    model.script(Text("Thought: look\nObservation: made up"))
    answer = await chat().ainvoke("hi", stop=["\nObservation:"])
    assert answer.content == "Thought: look"


async def test_models(model: ScriptedModel) -> None:
    async with openai.AsyncOpenAI(base_url=model.base_url, api_key="key") as client:
        assert [entry.id async for entry in client.models.list()] == ["scripted-model"]


async def test_waiting_in_vain_shows_the_requests(model: ScriptedModel, chat: Chat) -> None:
    model.script(Text("hi"))
    await chat().ainvoke("a question")
    with pytest.raises(AssertionError, match="a question"):
        await model.wait_for(lambda m: len(m.requests) == 2, timeout=0.05)


async def test_other_servers_are_other_scripts(model: ScriptedModel) -> None:
    async with ScriptedModel() as second, httpx.AsyncClient() as http:
        second.script(Text("from the second"))
        answer = await http.post(f"{second.base_url}/chat/completions", json={"messages": []})
    assert json.loads(answer.text)["choices"][0]["message"]["content"] == "from the second"
    assert model.requests == []
