"""Fetches the files that came with a question, as far as they can be read in time.

Comes in: what a platform says of its files, and how it lets us download. Goes out: attachments; what could not be
fetched says why. Used by the actions of Slack and Discord.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp

from core.answering.attachments import MAX_FILE, read_attachment
from core.domain.conversation import Attachment

FILES = 5
"""Files of a question that are looked at."""

FETCH_SECONDS = 20.0
"""How long a file may take to be fetched and read."""

FILES_ALONE = "What is wrong here, and what can I do about it?"
"""What a message that has files and no words is taken to ask."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Upload:
    """A file as its platform describes it; `size` in bytes, 0 when it does not say."""

    name: str
    url: str
    media_type: str = ""
    size: int = 0


Download = Callable[[str, int], Awaitable[bytes]]
"""Gives what stands at an address, up to so many bytes. Raises aiohttp.ClientError, OSError."""


async def fetch(uploads: Sequence[Upload], download: Download) -> tuple[Attachment, ...]:
    """The attachments, in their order; those beyond `FILES` are named as left out."""
    read = await asyncio.gather(*(_attachment(upload, download) for upload in uploads[:FILES]))
    left = [f"{upload.name} was left out: {FILES} files are read at most." for upload in uploads[FILES:]]
    return (*read, *(Attachment(upload.name, problem=said) for upload, said in zip(uploads[FILES:], left, strict=True)))


async def downloaded(session: aiohttp.ClientSession, url: str, limit: int, headers: dict[str, str]) -> bytes:
    """What stands at an address, up to `limit` bytes. Raises aiohttp.ClientError, OSError."""
    async with session.get(url, headers=headers) as reply:
        reply.raise_for_status()
        raw = bytearray()
        async for piece in reply.content.iter_any():
            raw += piece
            if len(raw) > limit:
                break
        return bytes(raw)


async def _attachment(upload: Upload, download: Download) -> Attachment:
    if upload.size > MAX_FILE:
        return Attachment(upload.name, upload.media_type, problem=f"{upload.name} is too large to be read.")
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            raw = await download(upload.url, MAX_FILE)
            return await asyncio.to_thread(read_attachment, upload.name, upload.media_type, raw)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        _log.warning("the file %s could not be read: %r", upload.name, error)
        return Attachment(
            upload.name, upload.media_type, problem=f"{upload.name} could not be fetched and read in time."
        )
