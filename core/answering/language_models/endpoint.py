"""One OpenAI-compatible endpoint.

Comes in: messages and tools. Goes out: deltas and the `Reply`, or a ModelError in words. LangChain makes the client and
writes the request; the stream is read here (`sse.py`), because its typed chunks cost 17 ms of CPU an answer and
ours 3. Called by `chain.py`.
"""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from functools import cache
from http import HTTPStatus
from typing import Any, cast

import httpx
import openai
from langchain_core.messages import AIMessage, AnyMessage, convert_to_openai_messages
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from core.answering.bill import Bill, unbilled
from core.answering.language_models.connections import Connections
from core.answering.language_models.failures import EMPTY, STOPPED, TOO_SLOW, Failed, failed
from core.answering.language_models.incoming import Incoming
from core.answering.language_models.model import Delta, Reply
from core.answering.language_models.patience import CallTime
from core.answering.language_models.prices import cost, estimated_tokens
from core.answering.language_models.sse import EventReader, Json, NoEvents
from core.answering.language_models.tool_calls import Tools
from core.answering.meters import count_call
from core.domain.conversation import ModelCall
from core.errors import ModelError
from core.settings import Endpoint, Settings

FIRST_PAUSE = 0.25
"""Seconds before the second try; each further one waits twice as long, less up to a half by chance."""

SHORTEST_KEY = 8
"""Characters; `none` and the like are no secrets."""

PARTING_SECONDS = 1.0
"""For an endpoint to count tokens and to end its response, once the reply has ended."""

_CLIENT_ERRORS = (openai.OpenAIError, httpx.HTTPError, NoEvents, UnicodeEncodeError)

_REFUSALS = {
    "stream_options": re.compile(r"stream_options|include_usage"),
    "temperature": re.compile(r"temperature"),
    "tools": re.compile(r"support\w* (tool|function)|tool\w*\W.*(not support|unsupported|requires)|tools\b.*extra"),
}
"""What of a request an endpoint may not know, and how it then complains."""

_DISLIKES = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}


class OpenAIEndpoint:
    """A model behind an address. It remembers what the endpoint does not know, and whether it thinks aloud."""

    def __init__(self, endpoint: Endpoint, settings: Settings, connections: Connections) -> None:
        self._key = endpoint.api_key.get_secret_value()
        self._client = ChatOpenAI(
            model=endpoint.model,
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            max_retries=0,
            http_async_client=connections.client,
        ).root_async_client
        self._model = endpoint.model
        self._place = httpx.URL(endpoint.base_url).netloc.decode()
        self._settings = settings
        self._unknown: set[str] = set()
        self._counts = False
        self._aloud = False

    @property
    def name(self) -> str:
        """The name of the model."""
        return self._model

    @property
    def place(self) -> str:
        """Host and port, for the log."""
        return self._place

    async def stream(
        self,
        messages: Sequence[AnyMessage],
        *,
        prompt: str,
        tools: Sequence[type[BaseModel]] = (),
        bill: Bill = unbilled,
    ) -> AsyncGenerator[Delta | Reply]:
        """As `LanguageModel.stream`. Failures are tried again while nothing was shown and there is time."""
        call = CallTime(self._settings)
        request = self._request(messages, tools)
        left_out: set[str] = set()
        retries = self._settings.llm_retries
        while True:
            shown = False
            asked = {key: value for key, value in request.items() if key not in left_out}
            try:
                async with aclosing(self._once(asked, call, _known(messages, tools), prompt, bill)) as pieces:
                    async for piece in pieces:
                        shown = True
                        self._unknown |= left_out  # without it, this went well
                        yield piece
            except Failed as failure:
                error = self._without_key(failure.error)
                if shown:
                    raise ModelError(STOPPED, detail=error.detail or error.said) from failure
                if declined := self._declined(failure, asked):
                    left_out |= declined
                    continue
                pause = max(failure.pause, _backoff(self._settings.llm_retries - retries))
                if not failure.again or not retries or not call.grants(pause):
                    raise error from failure
                retries -= 1
                await asyncio.sleep(pause)
            else:
                return

    async def _once(
        self, request: Json, call: CallTime, tools: Tools, prompt: str, bill: Bill
    ) -> AsyncGenerator[Delta | Reply]:
        """One try. Raises Failed."""
        reply = Incoming(tools, aloud=self._aloud)
        try:
            async with aclosing(self._events(request, call)) as batches:
                async for events in batches:
                    text = "".join(map(reply.take, events))
                    call.heard(reply.generated)
                    if text:
                        yield Delta(text)
                    if reply.full:
                        break
        except TimeoutError as error:
            raise Failed(ModelError(TOO_SLOW), again=False) from error
        except _CLIENT_ERRORS as error:
            raise failed(error) from error
        finally:  # who leaves pays for what was made until then
            account = self._account(request, reply, call, prompt)
            if reply.generated or reply.usage:
                bill(account)
                count_call(account, reply.cached)
        if text := reply.finish():
            yield Delta(text)
        requests = reply.requests()
        if not reply.text and not requests:
            raise Failed(ModelError(EMPTY), again=True)
        self._aloud = self._aloud or reply.thought_aloud
        self._counts = self._counts or bool(reply.usage)
        yield Reply(reply.text, requests, account, reply.note)

    async def _events(self, request: Json, call: CallTime) -> AsyncGenerator[list[Json]]:
        """The events of one response, as many as come at once. Raises errors of the client, NoEvents and TimeoutError.

        The request goes as `extra_body`, which the client sends as it is: walking through it costs 1 ms.
        """
        reader = EventReader()
        ended = False
        async with AsyncExitStack() as stack:
            async with call.patience():
                response = await stack.enter_async_context(
                    self._client.chat.completions.with_streaming_response.create(
                        model=self._model, messages=[], stream=True, extra_body=request
                    )
                )
            chunks = response.iter_bytes()
            while not reader.done:
                data = await _next(chunks, call, ended=ended)
                events = list(reader.end() if data is None else reader.feed(data))
                ended = ended or any(map(_ends, events))
                if events:
                    yield events
                if data is None:
                    break
            if not (ended or reader.done):
                raise NoEvents("the stream broke off")
            await _next(chunks, call, ended=True)  # an end that was read leaves the connection fit for use

    def _request(self, messages: Sequence[AnyMessage], tools: Sequence[type[BaseModel]]) -> Json:
        request: Json = {
            "model": self._model,
            "messages": convert_to_openai_messages(list(messages)),
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": self._settings.llm_temperature,
        }
        if tools:
            request["tools"] = [_described(tool) for tool in tools]
        return {key: value for key, value in request.items() if key not in self._unknown}

    def _declined(self, failure: Failed, request: Mapping[str, Any]) -> set[str]:
        """What to leave out of a request that was not accepted: what was complained of, or what is rarely known."""
        if failure.status not in _DISLIKES:
            return set()
        complaint = failure.error.detail.lower()
        named = {key for key, words in _REFUSALS.items() if key in request and words.search(complaint)}
        unproven = set[str]() if self._counts or failure.status == HTTPStatus.NOT_FOUND else {"stream_options"}
        return named or unproven & request.keys()

    def _account(self, request: Json, reply: Incoming, call: CallTime, prompt: str) -> ModelCall:
        tokens_in = reply.usage.get("prompt_tokens") or estimated_tokens(len(str(request["messages"])))
        tokens_out = reply.usage.get("completion_tokens") or estimated_tokens(reply.generated)
        return ModelCall(
            prompt=prompt,
            endpoint=self._place,
            model=self._model,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost=cost(self._settings.llm_prices, self._model, tokens_in, tokens_out),
            first_token=call.first_token,
            milliseconds=call.milliseconds,
        )

    def _without_key(self, error: ModelError) -> ModelError:
        """The error, with our key taken out of what the endpoint said."""
        said_it = len(self._key) >= SHORTEST_KEY and self._key in error.detail
        return type(error)(error.said, detail=error.detail.replace(self._key, "…")) if said_it else error


async def _next(chunks: AsyncIterator[bytes], call: CallTime, *, ended: bool) -> bytes | None:
    """The next bytes of a response, None at its end; one whose reply has `ended` may stop in any way."""
    try:
        async with asyncio.timeout(PARTING_SECONDS) if ended else call.patience():
            return await anext(chunks, None)
    except (TimeoutError, httpx.HTTPError):
        if ended:
            return None
        raise


def _ends(event: Json) -> bool:
    choices = event.get("choices")
    return bool(choices and choices[0].get("finish_reason"))


def _backoff(tries: int) -> float:
    return FIRST_PAUSE * 2**tries * random.uniform(0.5, 1)  # noqa: S311 - spreads tries, keeps no secret


@cache
def _described(tool: type[BaseModel]) -> Json:
    return convert_to_openai_tool(tool)


def _known(messages: Sequence[AnyMessage], tools: Sequence[type[BaseModel]]) -> Tools:
    """The tools that the model is offered, or was in this turn."""
    used = {
        call["name"]: tuple(call["args"])
        for message in messages
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    }
    return used | {tool.__name__: tuple(cast("Mapping[str, Any]", tool.model_fields)) for tool in tools}
