"""Looks at the service as people do: through PUBLIC_URL and whatever proxy stands before it.

Comes in: settings. Goes out: a sentence, or a ConfigurationError with what to change. Called by `doctor`.
"""

import ipaddress
from urllib.parse import urlsplit

import aiohttp

from core.errors import ConfigurationError
from core.settings import Settings

SECONDS = 10.0


async def reach_public_address(settings: Settings) -> str:
    """Where people reach the console. Raises ConfigurationError when they do not, or when its socket does not."""
    url = settings.public_url
    if url is None:
        return f"PUBLIC_URL is not set: links lead to {settings.address}"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session:
        try:
            async with session.get(f"{url}/health") as reply:
                ours = "parts" in await reply.json()
        except (aiohttp.ClientError, TimeoutError, ValueError, TypeError) as error:
            if _is_loopback(url):
                return f"{url}, which leads to this machine alone"
            raise ConfigurationError(
                f"This service does not answer at PUBLIC_URL={url}. Start it, mend the proxy before it, or correct the "
                "address.",
                detail=repr(error),
            ) from error
        if not ours:
            raise ConfigurationError(f"Something else than this service answers at PUBLIC_URL={url}. Correct it.")
        try:
            async with session.ws_connect(f"{url}/health"):
                return f"{url}, WebSockets too"
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ConfigurationError(
                f"The proxy at PUBLIC_URL={url} lets no WebSocket through, without which the console stays still: have "
                "it pass on the headers `Upgrade` and `Connection`.",
                detail=repr(error),
            ) from error


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
