"""Several endpoints in order, and the model that quotes behind them.

Comes in: what an engine asks. Goes out: the reply of the first endpoint that gives one. The next one is asked only
while nothing was shown; when there is none left, the passages are quoted, and the quote says why.
"""

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from langchain_core.messages import AnyMessage
from opentelemetry import trace
from pydantic import BaseModel

from core.answering.bill import Bill, unbilled
from core.answering.language_models.breaker import Breaker
from core.answering.language_models.model import Delta, LanguageModel, Reply
from core.answering.meters import FAILURES, RESTING
from core.errors import ModelError

_log = logging.getLogger(__name__)
_tracer = trace.get_tracer(__name__)


@dataclass(frozen=True)
class Link:
    """An endpoint of a chain, where it is (for the log), and the breaker that watches it."""

    model: LanguageModel
    place: str
    breaker: Breaker = field(default_factory=Breaker)

    def measure(self) -> None:
        """Tells the state of its breaker."""
        RESTING.labels(self.place).set(self.breaker.resting)


class ModelChain:
    """Asks its links one after the other; `last_resort` makes the model that quotes for a reason in words."""

    def __init__(self, links: Sequence[Link], last_resort: Callable[[str], LanguageModel]) -> None:
        self._links = tuple(links)
        for link in self._links:
            link.measure()
        self._last_resort = last_resort

    @property
    def name(self) -> str:
        """The name of the model that is asked first."""
        return self._links[0].model.name

    async def stream(
        self,
        messages: Sequence[AnyMessage],
        *,
        prompt: str,
        tools: Sequence[type[BaseModel]] = (),
        bill: Bill = unbilled,
    ) -> AsyncGenerator[Delta | Reply]:
        """As `LanguageModel.stream`. Raises ModelError only when a reply breaks off that was being shown."""
        reasons: list[str] = []
        for link in self._links:
            if not link.breaker.admits():
                reasons.append(link.breaker.reason)
                continue
            shown = False
            asked = {"gen_ai.request.model": link.model.name, "server.address": link.place}
            span = _tracer.start_span("model call", attributes=asked)
            try:
                async with aclosing(link.model.stream(messages, prompt=prompt, tools=tools, bill=bill)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Reply):
                            link.breaker.succeeded()
                            link.measure()
                        shown = True
                        yield piece
            except ModelError as error:
                span.record_exception(error)
                link.breaker.failed(error)
                link.measure()
                FAILURES.labels(link.place).inc()
                _log.warning("%s at %s failed: %s", link.model.name, link.place, error)
                if shown:
                    raise
                reasons.append(error.said)
            except BaseException:  # the asker left, or something broke that is not the endpoint's
                link.breaker.released()
                raise
            else:
                return
            finally:
                span.end()
        quoting = self._last_resort(_first_sentence(reasons[0]))
        async with aclosing(quoting.stream(messages, prompt=prompt, tools=tools)) as pieces:
            async for piece in pieces:
                yield piece


def _first_sentence(said: str) -> str:
    return said.partition(". ")[0].rstrip(".")
