"""Asks endpoints of language models whether they are there, without spending a token. For health and `doctor`."""

import httpx

from core.errors import ModelError, ModelRejected
from core.settings import Endpoint, Settings

SECONDS = 4
SERVER_ERROR = 500


async def reach_model(settings: Settings) -> None:
    """Raises ModelError unless the endpoint that is asked first answers its list of models and takes the key."""
    if settings.model_endpoints:
        key_name = "LLM_API_KEY" if settings.llm_base_url else "OPENROUTER_API_KEY"
        await reach(settings.model_endpoints[0], "LLM_BASE_URL", key_name)


async def reach_fallbacks(settings: Settings) -> None:
    """As `reach_model`, for the endpoints behind the first one. Raises for the first that fails."""
    for endpoint in settings.llm_fallbacks:
        await reach(endpoint, "LLM_FALLBACKS", "LLM_FALLBACKS")


async def reach(endpoint: Endpoint, address_name: str, key_name: str) -> None:
    """Raises ModelError unless an endpoint answers; the names are those of the settings to correct."""
    base_url, key = endpoint.base_url, endpoint.api_key.get_secret_value()
    try:
        async with httpx.AsyncClient(timeout=SECONDS) as client:
            reply = await client.get(f"{base_url}/models", headers={"Authorization": f"Bearer {key}"})
    except (httpx.HTTPError, UnicodeEncodeError) as error:
        raise ModelError(
            f"The language model at {base_url} cannot be reached. Start it, or correct {address_name}.",
            detail=str(error),
        ) from error
    if reply.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise ModelRejected(f"The language model at {base_url} refused the key. Correct {key_name}.")
    if reply.status_code >= SERVER_ERROR:
        raise ModelError(f"The language model at {base_url} is down (HTTP {reply.status_code}).")
