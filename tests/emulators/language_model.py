"""Stands in for a language model: an OpenAI-compatible server that answers as a test scripts it.

The tests of all that asks a model use it, through langchain_openai, openai or CrewAI with its base_url.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from aiohttp import web

Json: TypeAlias = dict[str, Any]

CALL_PIECE = 12


@dataclass(frozen=True)
class Text:
    content: str
    chunk_size: int = 8


@dataclass(frozen=True)
class ToolCall:
    """`arguments` as text goes out unchanged, so that a test can send broken JSON."""

    name: str
    arguments: Json | str = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True)
class ToolCalls:
    calls: list[ToolCall]


@dataclass(frozen=True)
class Failure:
    status: int
    body: Json | str = "failure"
    retry_after: int | None = None


@dataclass(frozen=True)
class Hang:
    """Never ends: streams `after`, if any, and then says nothing until the client goes."""

    after: str = ""


@dataclass(frozen=True)
class Pause:
    """Streams `after`, if any, waits until `over` is set, and streams the `rest`."""

    over: asyncio.Event
    rest: str
    after: str = ""


@dataclass(frozen=True)
class Cut:
    """Closes the connection in mid-stream, once `after` is sent; without streaming, before the answer."""

    after: str = ""


@dataclass(frozen=True)
class Deltas:
    """Streams `changes` as they stand, one a chunk, for what else endpoints send; `done` false leaves out the end."""

    changes: list[Json]
    finish: str | None = "stop"
    done: bool = True


@dataclass(frozen=True)
class Whole:
    """Answers with one JSON text, whether or not a stream was asked for."""

    content: str


Reply: TypeAlias = Text | ToolCall | ToolCalls | Failure | Hang | Pause | Cut | Deltas | Whole

NOTHING_SCRIPTED = Failure(500, {"error": {"message": "nothing scripted", "type": "test_double"}})


class ScriptedModel:
    """The double a test opens: `async with ScriptedModel() as model`; set api_key to have it checked."""

    def __init__(
        self, api_key: str | None = None, name: str = "scripted-model", *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.api_key, self.name = api_key, name
        self._place = (host, port)
        self.base_url = ""
        self.requests: list[Json] = []
        self.abandoned = self.waiting = self.spoken = 0
        self._replies: deque[Reply] = deque()
        self._fallback: Callable[[Json], Reply] = lambda _: NOTHING_SCRIPTED
        self._changed = asyncio.Condition()
        app = web.Application(client_max_size=16 * 2**20, middlewares=[self._check_key])
        app.router.add_get("/v1/models", self._serve_models)
        app.router.add_post("/v1/chat/completions", self._serve_completion)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, *self._place).start()
        self.base_url = "http://{}:{}/v1".format(*self._runner.addresses[0])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def script(self, *replies: Reply) -> None:
        """Adds to the replies that are given in turn, one a request."""
        self._replies.extend(replies)

    def respond_with(self, fallback: Callable[[Json], Reply]) -> None:
        """Chooses the reply from the request, whenever no scripted reply is left."""
        self._fallback = fallback

    async def wait_for(self, predicate: Callable[[Self], object], timeout: float = 60.0) -> None:  # noqa: ASYNC109
        """Waits on `requests`; on `waiting`, replies that hang or paused, and `spoken`, whole ones; on `abandoned`."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: predicate(self))
        except TimeoutError:
            story = "\n".join(json.dumps(request) for request in self.requests)
            raise AssertionError(f"not within {timeout} s; {self.abandoned=}, requests:\n{story}") from None

    @web.middleware
    async def _check_key(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            error = {"message": "Incorrect API key provided", "code": "invalid_api_key"}
            return web.json_response({"error": error}, status=401)
        return await handler(request)

    async def _serve_models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": self.name, "object": "model"}]})

    async def _serve_completion(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.requests.append(asked)
        await self._announce()
        reply = self._replies.popleft() if self._replies else self._fallback(asked)
        try:
            response = await self._give(reply, asked, request)
        except (asyncio.CancelledError, ConnectionResetError):
            self.abandoned += 1
            await self._announce()
            raise
        self.spoken += 1
        await self._announce()
        return response

    async def _announce(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _give(self, reply: Reply, asked: Json, request: web.Request) -> web.StreamResponse:
        match reply:
            case Failure():
                return fail(reply)
            case Hang() | Cut():
                return await self._break_off(reply, asked, request)
            case Pause():
                return await self._pause(reply, asked, request)
            case Deltas():
                end = [delta({}, reply.finish)] if reply.finish else []
                return await self._stream(request, [*map(delta, reply.changes), *end], done=reply.done)
            case Whole():
                return await self._speak(Text(reply.content), asked | {"stream": False}, request)
            case ToolCall() | ToolCalls():
                calls = reply if isinstance(reply, ToolCalls) else ToolCalls([reply])
                spoken: Text | ToolCalls = numbered(calls, f"call_{len(self.requests)}")
            case Text():
                spoken = Text(stopped(reply.content, asked), reply.chunk_size)
        return await self._speak(spoken, asked, request)

    async def _speak(self, reply: Text | ToolCalls, asked: Json, request: web.Request) -> web.StreamResponse:
        if asked.get("stream"):
            return await self._stream(request, [*pieces(reply), *closing(reply, asked)], done=True)
        choice = {"index": 0, "message": message(reply), "finish_reason": finish_reason(reply)}
        whole = {"object": "chat.completion", "choices": [choice], "usage": usage(asked, reply)}
        return web.json_response(self._head() | whole)

    def _head(self) -> Json:
        return {"id": f"chatcmpl-{len(self.requests)}", "created": int(time.time()), "model": self.name}

    async def _break_off(self, reply: Hang | Cut, asked: Json, request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse = web.Response(status=502)
        if asked.get("stream") and reply.after:
            response = await self._stream(request, list(pieces(Text(reply.after))), done=False)
        if isinstance(reply, Hang):
            await self._wait(asyncio.Event())
        if request.transport:
            request.transport.close()
        return response

    async def _pause(self, reply: Pause, asked: Json, request: web.Request) -> web.StreamResponse:
        response = await self._stream(request, list(pieces(Text(reply.after))) if reply.after else [], done=False)
        await self._wait(reply.over)
        rest = Text(reply.rest)
        await self._write(response, [*pieces(rest), *closing(rest, asked)], done=True)
        return response

    async def _wait(self, over: asyncio.Event) -> None:
        self.waiting += 1
        await self._announce()
        await over.wait()

    async def _stream(self, request: web.Request, chunks: list[Json], done: bool) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await self._write(response, chunks, done=done)
        return response

    async def _write(self, response: web.StreamResponse, chunks: list[Json], *, done: bool) -> None:
        for chunk in chunks:
            line = json.dumps(self._head() | {"object": "chat.completion.chunk"} | chunk)
            await response.write(f"data: {line}\n\n".encode())
        if done:
            await response.write(b"data: [DONE]\n\n")


def fail(failure: Failure) -> web.Response:
    """The scripted error; a client that retries by itself is told not to when the script was too short."""
    headers = {"x-should-retry": "false"} if failure is NOTHING_SCRIPTED else {}
    if failure.retry_after is not None:
        headers["Retry-After"] = str(failure.retry_after)
    if isinstance(failure.body, str):
        return web.Response(status=failure.status, text=failure.body, headers=headers)
    return web.json_response(failure.body, status=failure.status, headers=headers)


def stopped(content: str, asked: Json) -> str:
    """The content up to the first of the request's stop sequences."""
    stops = asked.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        content = content.partition(stop)[0]
    return content


def message(reply: Text | ToolCalls) -> Json:
    if isinstance(reply, Text):
        return {"role": "assistant", "content": reply.content}
    return {"role": "assistant", "content": None, "tool_calls": [described(c) for c in reply.calls]}


def numbered(reply: ToolCalls, prefix: str) -> ToolCalls:
    """The calls with an id each, and arguments as text."""
    calls = list(enumerate(reply.calls))
    return ToolCalls([ToolCall(c.name, written(c.arguments), c.id or f"{prefix}_{n}") for n, c in calls])


def written(arguments: Json | str) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def described(call: ToolCall) -> Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def finish_reason(reply: Text | ToolCalls) -> str:
    return "stop" if isinstance(reply, Text) else "tool_calls"


def usage(asked: Json, reply: Text | ToolCalls) -> Json:
    """Four characters a token, near enough; half of those given were in a cache."""
    given, made = len(json.dumps(asked["messages"])) // 4, len(json.dumps(message(reply))) // 4
    counted = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
    return counted | {"prompt_tokens_details": {"cached_tokens": given // 2}}


def pieces(reply: Text | ToolCalls) -> Iterator[Json]:
    """The chunks that carry the reply, the opening one with the role included."""
    yield delta({"role": "assistant", "content": "" if isinstance(reply, Text) else None})
    if isinstance(reply, Text):
        for part in sliced(reply.content, reply.chunk_size):
            yield delta({"content": part})
        return
    for index, call in enumerate(reply.calls):
        opening = described(ToolCall(call.name, "", call.id))
        yield delta({"tool_calls": [opening | {"index": index}]})
        for part in sliced(written(call.arguments), CALL_PIECE):
            yield delta({"tool_calls": [{"index": index, "function": {"arguments": part}}]})


def closing(reply: Text | ToolCalls, asked: Json) -> Iterator[Json]:
    yield delta({}, finish_reason(reply))
    if (asked.get("stream_options") or {}).get("include_usage"):
        yield {"choices": [], "usage": usage(asked, reply)}


def delta(change: Json, finish: str | None = None) -> Json:
    return {"choices": [{"index": 0, "delta": change, "finish_reason": finish}]}


def sliced(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
