"""Traces over OpenTelemetry, when OTEL_EXPORTER_OTLP_ENDPOINT says where to: what took how long, turn by turn.

Comes in: settings. Goes out: spans to a collector, over OTLP and HTTP, while the block runs. Code names its spans by
OpenTelemetry's own API, which does nothing otherwise. Called by the bootstrap.
"""

from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256

from opentelemetry import trace

from core.domain.turn_context import current_turn
from core.settings import Settings, tracing_allowed
from core.version import VERSION


@contextmanager
def traced(settings: Settings) -> Generator[None]:
    """Sends spans for as long as the block runs, if that is wished; the last ones are sent at its end."""
    if settings.otel_exporter_otlp_endpoint is None:
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - when wished
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415

    class TurnIds(RandomIdGenerator):
        """The trace of a turn is named after it, so that what several processes and tasks do for it is one trace."""

        def generate_trace_id(self) -> int:
            """The first 128 bits of the hash of the turn's id; random outside of turns."""
            turn = current_turn()
            return int(sha256(turn.turn.encode()).hexdigest()[:32], 16) if turn else super().generate_trace_id()

    resource = Resource.create({"service.name": "mlops-assistant", "service.version": VERSION})
    with tracing_allowed():
        provider = TracerProvider(resource=resource, id_generator=TurnIds())
    address = f"{settings.otel_exporter_otlp_endpoint}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
