"""Chooses the language model, and turns what can go wrong with it into words.

Comes in: settings. Goes out: a LangChain chat model for both engines: any OpenAI-compatible endpoint, or the
extractive model when none is set up.
"""

from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import openai
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from core.answering.extractive import ExtractiveModel
from core.errors import ModelError, ModelRejected
from core.settings import Settings

PAYMENT_REQUIRED = 402
STOPPED = "The language model stopped in the middle of its answer. Ask again in a moment."


def language_model(settings: Settings) -> BaseChatModel:
    """The model that the settings ask for. Connection errors, 429 and 5xx are retried with backoff by its client."""
    endpoint = settings.model_endpoint
    if endpoint is None:
        return ExtractiveModel()
    base_url, key = endpoint
    return ChatOpenAI(
        model=settings.llm_model,
        base_url=base_url,
        api_key=SecretStr(key),
        timeout=settings.llm_timeout,
        stream_chunk_timeout=None,
        max_retries=settings.llm_retries,
        stream_usage=False,
    )


def model_name(settings: Settings) -> str:
    """The name under which answers are stored."""
    return settings.llm_model if settings.model_endpoint else "extractive"


@contextmanager
def model_errors() -> Generator[None]:
    """Turns the client's errors into ModelError, or ModelRejected where asking again cannot help."""
    try:
        yield
    except (openai.APITimeoutError, httpx.TimeoutException, TimeoutError) as error:
        raise ModelError("The language model took too long to answer. Ask again in a moment.") from error
    except openai.APIConnectionError as error:
        raise ModelError(
            "The language model cannot be reached right now. Ask again in a moment.",
            detail=_address(error.request),
        ) from error
    except openai.APIStatusError as error:
        raise _refusal(error) from error
    except (openai.APIError, httpx.HTTPError) as error:
        raise ModelError(
            STOPPED,
            detail=str(error),
        ) from error


def _refusal(error: openai.APIStatusError) -> ModelError:
    detail = f"HTTP {error.status_code}: {error.message[:300]}"
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return ModelRejected("The language model refused our key. The owner must correct LLM_API_KEY.", detail=detail)
    if error.status_code == PAYMENT_REQUIRED:
        return ModelRejected("The account of the language model has no credit left.", detail=detail)
    if isinstance(error, openai.NotFoundError):
        return ModelRejected("The endpoint does not know the model. The owner must correct LLM_MODEL.", detail=detail)
    if isinstance(error, openai.RateLimitError):
        return ModelError("The language model is receiving too many questions. Ask again in a minute.", detail=detail)
    if isinstance(error, openai.InternalServerError):
        return ModelError("The language model is down right now. Ask again in a few minutes.", detail=detail)
    return ModelRejected("The language model did not accept the question.", detail=detail)


def _address(request: httpx.Request) -> str:
    return urlsplit(str(request.url)).netloc
