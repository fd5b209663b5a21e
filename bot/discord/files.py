"""Fetches the files that came with a Discord message.

Comes in: what Discord says of them. Goes out: attachments. Called by the actions. Files are asked for nowhere but at
Discord; the address of each is signed, and needs no token.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

import aiohttp

from bot.uploads import Upload, downloaded, fetch
from core.domain.conversation import Attachment

DISCORD = {"cdn.discordapp.com", "media.discordapp.net"}


class Files:
    """The files of all servers."""

    def __init__(self, api_url: str) -> None:
        self._api_host = urlsplit(api_url).hostname or ""

    async def fetch(self, uploads: Sequence[Upload]) -> tuple[Attachment, ...]:
        """The attachments."""
        async with aiohttp.ClientSession() as session:

            async def download(url: str, limit: int) -> bytes:
                if not self._is_discord(url):
                    raise OSError(f"{url} is not an address of Discord's")
                return await downloaded(session, url, limit, {})

            return await fetch(uploads, download)

    def _is_discord(self, url: str) -> bool:
        address = urlsplit(url)
        host = address.hostname or ""
        return host == self._api_host or (address.scheme == "https" and host in DISCORD)
