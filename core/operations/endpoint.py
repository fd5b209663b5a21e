"""Asks the language model's endpoint whether it is there, without spending a token. For health and `doctor`."""

import httpx

from core.errors import ModelError, ModelRejected
from core.settings import Settings

SECONDS = 4
SERVER_ERROR = 500


async def reach_model(settings: Settings) -> None:
    """Raises ModelError unless the endpoint answers its list of models and takes the key."""
    endpoint = settings.model_endpoint
    if endpoint is None:
        return
    base_url, key = endpoint
    key_name = "LLM_API_KEY" if settings.llm_base_url else "OPENROUTER_API_KEY"
    try:
        async with httpx.AsyncClient(timeout=SECONDS) as client:
            reply = await client.get(f"{base_url}/models", headers={"Authorization": f"Bearer {key}"})
    except (httpx.HTTPError, UnicodeEncodeError) as error:
        raise ModelError(
            f"The language model at {base_url} cannot be reached. Start it, or correct LLM_BASE_URL.",
            detail=str(error),
        ) from error
    if reply.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise ModelRejected(f"The language model at {base_url} refused the key. Correct {key_name}.")
    if reply.status_code >= SERVER_ERROR:
        raise ModelError(f"The language model at {base_url} is down (HTTP {reply.status_code}).")
