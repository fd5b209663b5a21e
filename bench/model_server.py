"""The scripted language model of `bench/turns.py`: OpenAI-compatible, in a process of its own.

Answers with about 60 words out of the passages that it was sent, each sentence with the number of its passage; asks for
`search_mlops_docs` first when tools are offered and no passage came with the question or after it. Streams one word a
chunk where a stream is asked for; otherwise all at once, after the same time. `POST /pace` sets the milliseconds before
the first byte and before each word, `GET /calls` counts the calls, `GET /firsts` gives the times of their first words.
Prints its port, and ends when standard input does.
"""

import asyncio
import html
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from aiohttp import web

Json = dict[str, Any]

SENTENCES, WORDS = 3, 20
"""Of an answer, and of each sentence."""

LEAST = 6
"""Words that make a line of a passage worth quoting."""

_PASSAGE = re.compile(r'<passage n="(\d+)"[^>]*>\n(.*?)\n</passage>', re.DOTALL)


class Script:
    """What the model says, how fast, and how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0
        self.firsts: list[float] = []
        self.wait = 0.0
        self.pause = 0.0

    async def pace(self, request: web.Request) -> web.Response:
        given = await request.json()
        self.wait, self.pause = given["wait"] / 1000, given["pause"] / 1000
        return web.Response()

    async def count(self, _: web.Request) -> web.Response:
        return web.json_response(self.calls)

    async def first_words(self, _: web.Request) -> web.Response:
        return web.json_response(self.firsts)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        asked = await request.json()
        await asyncio.sleep(self.wait)
        found = passages(asked["messages"])
        if asked.get("tools") and not found:
            return web.json_response(whole({"role": "assistant", "content": None, "tool_calls": [search(asked)]}))
        text = answer(found or ["The documentation of the project says how this is done"])
        if asked.get("stream"):
            return await self._streamed(request, text)
        await asyncio.sleep(self.pause * len(text.split()))
        return web.json_response(whole({"role": "assistant", "content": text}))

    async def _streamed(self, request: web.Request, text: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for n, word in enumerate(re.findall(r"\S+\s*", text)):
            if self.pause:
                await asyncio.sleep(self.pause)
            if not n:
                self.firsts.append(time.time())
            await response.write(event({"content": word}))
        await response.write(event({}, "stop") + b"data: [DONE]\n\n")
        return response


def passages(messages: list[Json]) -> list[str]:
    """What was found for the last question: framed beside it, or as the result of a tool after it."""
    asked = max(at for at, message in enumerate(messages) if message["role"] == "user")
    question, *after = messages[asked:]
    framed = [html.unescape(body) for _, body in _PASSAGE.findall(str(question["content"]))]
    results = [message["content"].split("\n\n") for message in after if message["role"] == "tool"]
    return framed + [part for parts in results for part in parts]


def answer(found: list[str]) -> str:
    return " ".join(f"{quoted(text)} [{number}]." for number, text in enumerate(found[:SENTENCES], 1))


def quoted(text: str) -> str:
    """The beginning of the first line of prose."""
    said = " ".join(next(prose(text), text).split()[:WORDS]).rstrip(".:,; ")
    return said.replace("`", "") if said.count("`") % 2 else said


def prose(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if len(line.split()) >= LEAST and line[:1].isalpha():
            yield line


def search(asked: Json) -> Json:
    question = next(m["content"] for m in reversed(asked["messages"]) if m["role"] == "user")
    called = {"name": "search_mlops_docs", "arguments": json.dumps({"query": question})}
    return {"id": "call_1", "type": "function", "function": called}


def whole(message: Json) -> Json:
    finish = "tool_calls" if "tool_calls" in message else "stop"
    usage = {"prompt_tokens": 900, "completion_tokens": 80, "total_tokens": 980}
    choice = {"index": 0, "finish_reason": finish, "message": message}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice]} | {
        "usage": usage
    }


def event(delta: Json, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


async def serve() -> None:
    script, app = Script(), web.Application(client_max_size=2**24)
    app.router.add_post("/v1/chat/completions", script.complete)
    app.router.add_post("/pace", script.pace)
    app.router.add_get("/calls", script.count)
    app.router.add_get("/firsts", script.first_words)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    over, loop = asyncio.Event(), asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(over.set)), daemon=True).start()
    await over.wait()


if __name__ == "__main__":
    asyncio.run(serve())
