"""What can go wrong with an endpoint, in words.

Comes in: errors of the client, statuses, and what an endpoint says of them. Goes out: `Failed`, which carries the
ModelError for people and whether the same endpoint may be asked again. Called by `endpoint.py`.
"""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp
import httpx
import openai

from core.errors import ModelError, ModelRejected, QuestionRejected

STOPPED = "The language model stopped in the middle of its answer. Ask again in a moment."
TOO_SLOW = "The language model took too long to answer. Ask again in a moment."
UNREACHABLE = "The language model cannot be reached right now. Ask again in a moment."
EMPTY = "The language model gave an empty answer. Ask again in a moment."

DOWN = "The language model is down right now. Ask again in a few minutes."

DETAIL = 300
"""Characters of what an endpoint says that are kept for the log."""

_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}

_WRONG_KEY = (ModelRejected, "The language model refused our key. The owner must correct LLM_API_KEY.")
_REFUSALS: dict[int, tuple[type[ModelError], str]] = {
    HTTPStatus.UNAUTHORIZED: _WRONG_KEY,
    HTTPStatus.FORBIDDEN: _WRONG_KEY,
    HTTPStatus.PAYMENT_REQUIRED: (ModelRejected, "The account of the language model has no credit left."),
    HTTPStatus.NOT_FOUND: (
        ModelRejected,
        "The endpoint does not know the model. The owner must correct LLM_MODEL.",
    ),
    HTTPStatus.REQUEST_TIMEOUT: (ModelError, TOO_SLOW),
    HTTPStatus.CONFLICT: (ModelError, DOWN),
    HTTPStatus.TOO_MANY_REQUESTS: (
        ModelError,
        "The language model is receiving too many questions. Ask again in a minute.",
    ),
}


class Failed(Exception):
    """One try failed with `error`. `again` says whether another may go better, `pause` how many seconds from now."""

    def __init__(self, error: ModelError, *, again: bool, pause: float = 0.0, status: int = 0) -> None:
        super().__init__(str(error))
        self.error = error
        self.again = again
        self.pause = pause
        self.status = status


def failed(error: Exception) -> Failed:
    """What an error of the client amounts to."""
    match error:
        case openai.APITimeoutError() | httpx.TimeoutException() | TimeoutError() if not _was_lost(error):
            return Failed(ModelError(TOO_SLOW), again=False)
        case openai.APIConnectionError():
            return Failed(ModelError(UNREACHABLE, detail=_address(error.request)), again=True)
        case openai.APIStatusError():
            return by_status(error.status_code, error.message, pause=retry_after(error.response.headers))
        case UnicodeEncodeError():
            return Failed(
                ModelRejected("The key of the language model cannot be sent. The owner must correct it."), again=False
            )
        case _:
            return Failed(ModelError(STOPPED, detail=str(error)[:DETAIL]), again=True)


def by_status(status: int, message: str, *, pause: float = 0.0) -> Failed:
    """What a refusal amounts to, by its HTTP status."""
    again = status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Failed(_refusal(status, f"HTTP {status}: {message[:DETAIL]}"), again=again, pause=pause, status=status)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that an endpoint asks us to wait; 0 when it does not."""
    asked = headers.get("retry-after", "")
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return 0.0


def _refusal(status: int, detail: str) -> ModelError:
    if status in _REFUSALS:
        kind, said = _REFUSALS[status]
        return kind(said, detail=detail)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ModelError(DOWN, detail=detail)
    return QuestionRejected("The language model did not accept the question.", detail=detail)


def _was_lost(error: BaseException | None) -> bool:
    """Whether a connection was lost: httpx-aiohttp takes that for a time-out of connecting, and so does the client."""
    while error is not None:
        if isinstance(error, aiohttp.ClientConnectionError):
            return not isinstance(error, TimeoutError)
        error = error.__cause__
    return False


def _address(request: httpx.Request) -> str:
    return request.url.netloc.decode()  # host and port: what stands before an @ is no part of it in httpx
