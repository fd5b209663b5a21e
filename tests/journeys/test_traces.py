"""What a turn takes is traced to a collector: search, model and delivery, in one trace of the turn."""

import gzip
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.emulators.language_model import ScriptedModel, Text
from tests.emulators.slack import SlackDouble

Spans = list[Any]


@pytest.fixture
async def collector() -> AsyncIterator[tuple[str, Spans]]:
    """A collector of OpenTelemetry, and the spans that it was sent over OTLP and HTTP."""
    spans: Spans = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {attribute.key: attribute.value.string_value for attribute in resource.resource.attributes}
            assert names["service.name"] == "mlops-assistant"
            spans.extend(span for scope in resource.scope_spans for span in scope.spans)
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", spans
    await runner.cleanup()


async def test_turn_is_one_trace_from_search_to_delivery(
    make_assistant: Callable[..., Any], collector: tuple[str, Spans]
) -> None:
    address, spans = collector
    async with ScriptedModel() as model, SlackDouble() as slack:
        model.respond_with(lambda _: Text("Use `quill push` [1]."))
        assistant = make_assistant(
            llm_base_url=model.base_url,
            llm_model=model.name,
            slack_bot_token=slack.bot_token,
            slack_app_token=slack.app_token,
            slack_api_url=slack.api_url,
            otel_exporter_otlp_endpoint=address,
        )
        await assistant.start()
        await slack.mention("How do I push a model to Quillstore?")
        await slack.wait_for(lambda s: any("**Sources**" in m.text for m in s.bot_messages()))
        assert await assistant.stop() == 0, assistant.said

    [turn] = [span for span in spans if span.name == "turn"]
    said = {attribute.key: attribute.value.string_value for attribute in turn.attributes}
    assert said["turn.outcome"] == "answered"
    assert turn.trace_id == sha256(said["turn.id"].encode()).digest()[:16]
    of_it = {span.name: span for span in spans if span.trace_id == turn.trace_id}
    assert of_it.keys() == {"turn", "search", "model call", "deliver"}
    assert of_it["search"].parent_span_id == of_it["model call"].parent_span_id == turn.span_id
    assert turn.start_time_unix_nano <= of_it["search"].start_time_unix_nano <= of_it["model call"].start_time_unix_nano
    assert of_it["model call"].end_time_unix_nano <= of_it["deliver"].end_time_unix_nano
