"""The scripted model with three habits of real endpoints: text before a call, errors in a stream, signs of life."""

import asyncio
import json
from dataclasses import dataclass

from aiohttp import web

from tests.emulators.language_model import (
    Json,
    Reply,
    ScriptedModel,
    Text,
    ToolCall,
    ToolCalls,
    closing,
    numbered,
    pieces,
)


@dataclass(frozen=True)
class SpokenCall(ToolCall):
    """A tool call in a message that begins with text."""

    spoken: str = ""


@dataclass(frozen=True)
class BrokenStream(Text):
    """Text, and then an error in the place of the next chunk, as OpenRouter reports a provider that fell over."""


@dataclass(frozen=True)
class KeptAlive(Text):
    """Text, and then comments for ever, as OpenRouter sends them while a provider is thinking."""


class SpeakingModel(ScriptedModel):
    """Knows the replies of this module besides all others."""

    async def _give(self, reply: Reply, asked: Json, request: web.Request) -> web.StreamResponse:
        match reply:
            case SpokenCall() if asked.get("stream"):
                called = numbered(ToolCalls([reply]), f"call_{len(self.requests)}")
                chunks = [*pieces(Text(reply.spoken)), *list(pieces(called))[1:], *closing(called, asked)]
                return await self._stream(request, chunks, done=True)
            case BrokenStream() if asked.get("stream"):
                response = await self._stream(request, list(pieces(reply)), done=False)
                error = {"error": {"code": 502, "message": "Provider disconnected"}, "choices": []}
                await asyncio.sleep(0.05)  # so that the text is a piece of its own; nothing waits for it
                await response.write(f"data: {json.dumps(error)}\n\n".encode())
                return response
            case KeptAlive() if asked.get("stream"):
                response = await self._stream(request, list(pieces(reply)), done=False)
                while True:
                    await response.write(b": PROCESSING\n\n")
                    await asyncio.sleep(0.05)  # how often the endpoint shows that it lives; nothing waits for it
            case _:
                return await super()._give(reply, asked, request)
