"""Fetches the files that came with a Slack message.

Comes in: what Slack says of them. Goes out: attachments. Called by the actions. Slack gives a file out to the token of
the bot alone, so it is asked for nowhere but at Slack.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

import aiohttp

from bot.slack.workspaces import Workspaces
from bot.uploads import Upload, downloaded, fetch
from core.domain.conversation import Attachment

SLACK = (".slack.com", ".slack-files.com", ".slack-edge.com")


class Files:
    """The files of all workspaces."""

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces
        self._api_host = urlsplit(workspaces.api_url).hostname or ""

    async def fetch(self, team: str, uploads: Sequence[Upload]) -> tuple[Attachment, ...]:
        """The attachments. Raises ChannelError where the app is not installed."""
        workspace = await self._workspaces.of(team)
        async with aiohttp.ClientSession() as session:

            async def download(url: str, limit: int) -> bytes:
                if not self._is_slack(url):
                    raise OSError(f"{url} is not an address of Slack's")
                return await downloaded(session, url, limit, {"Authorization": f"Bearer {workspace.client.token}"})

            return await fetch(uploads, download)

    def _is_slack(self, url: str) -> bool:
        """Whether the token may be shown to an address."""
        host = urlsplit(url).hostname or ""
        return host == self._api_host or (urlsplit(url).scheme == "https" and f".{host}".endswith(SLACK))
