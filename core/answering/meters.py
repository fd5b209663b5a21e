"""What is measured of turns and of calls of language models.

Comes in: turns and calls as they end. Goes out: metrics of prometheus-client in its own registry, one a process, as
logging is; `core.operations.metrics` exposes them. Seconds and dollars, as Prometheus wants base units.
"""

from prometheus_client import Counter, Gauge, Histogram

from core.answering.turns.turn import Turn
from core.domain.conversation import ModelCall

DOLLAR = 1_000_000
"""In micro-dollars."""

QUICK = (0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60)
LONG = (0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600)

TURNS = Counter("assistant_turns", "Questions that were ended, by how.", ["platform", "mode", "outcome"])
FIRST_TEXT = Histogram(
    "assistant_first_text_seconds", "From taking a question to the first words of its answer.", ["mode"], buckets=QUICK
)
WHOLE = Histogram("assistant_turn_seconds", "From taking a question to its end.", ["platform", "mode"], buckets=LONG)
TOKENS = Counter(
    "assistant_tokens", "Of language models; `cached` ones are part of those that went `in`.", ["model", "kind"]
)
COST = Counter("assistant_cost_dollars", "What calls of language models cost at LLM_PRICES.", ["model"])
CALL = Histogram(
    "assistant_model_call_seconds", "Calls that a language model answered.", ["endpoint", "model"], buckets=LONG
)
FIRST_TOKEN = Histogram(
    "assistant_model_first_token_seconds", "Until a call's first token.", ["endpoint", "model"], buckets=QUICK
)
FAILURES = Counter(
    "assistant_model_failures", "Questions to an endpoint that brought no reply, after its retries.", ["endpoint"]
)
RESTING = Gauge("assistant_endpoint_resting", "1 while an endpoint that failed is left alone.", ["endpoint"])


def count_turn(turn: Turn) -> None:
    """Counts a turn that has ended here; one that another process had ended is not ours to count."""
    if turn.asked is None or not turn.outcome:
        return
    platform, mode = turn.asked.question.session.platform, turn.asked.question.mode
    TURNS.labels(platform, mode, turn.outcome).inc()
    WHOLE.labels(platform, mode).observe(turn.seconds)
    if turn.first_text is not None:
        FIRST_TEXT.labels(mode).observe(turn.first_text)


def count_call(call: ModelCall, cached: int = 0) -> None:
    """Counts a call, whoever pays for it, with the tokens that its endpoint took from a cache."""
    for kind, tokens in (("in", call.tokens_in), ("out", call.tokens_out), ("cached", cached)):
        TOKENS.labels(call.model, kind).inc(tokens)
    COST.labels(call.model).inc(call.cost / DOLLAR)
    CALL.labels(call.endpoint, call.model).observe(call.milliseconds / 1000)
    FIRST_TOKEN.labels(call.endpoint, call.model).observe(call.first_token / 1000)
