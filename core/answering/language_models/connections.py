"""The HTTP connections to language models: one pool for all of them, for as long as the services are open.

Comes in: nothing. Goes out: the client that endpoints ask through. Made and closed by `core.bootstrap`; imports the
client's library when it is first asked for, because that takes half a second.

The connections are aiohttp's: of a streamed answer of 60 words httpx's own transport takes twice the processor time.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


class Connections:
    """Opens the client once, from whichever thread asks first."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None
        self._opening = Lock()

    @property
    def client(self) -> httpx.AsyncClient:
        """The client; it heeds HTTPS_PROXY and the like, as `openai` does."""
        with self._opening:
            if self._client is None:
                import openai  # noqa: PLC0415 - see above

                self._client = openai.DefaultAioHttpClient()
            return self._client

    async def close(self) -> None:
        """Closes every connection."""
        if self._client is not None:
            await self._client.aclose()
