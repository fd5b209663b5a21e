"""Finds questions that were asked while nobody listened, and has them answered late, once.

Comes in: the workspaces that are connected. Goes out: messages of the last hours, handed over as if they had just been
said; questions that were heard before are known by their ids. Started by the channel when it connects, and again when
its socket was gone.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from slack_sdk.errors import SlackApiError

from bot.hearing import Heard
from bot.slack.failures import reason_of
from bot.slack.messenger import Messenger
from bot.slack.reader import PLATFORM, read_message
from bot.slack.workspaces import Workspace
from core.answering.presence import Presence

CHANNELS = 100
"""Channels of a workspace that are looked through, at most."""

MESSAGES = 15
"""Messages of each; an app that is sold outside of Slack's marketplace gets no more at once."""

THREADS = 20
"""Conversations of ours whose threads are looked through, the latest first."""

KINDS = "public_channel,private_channel,im,mpim"

_log = logging.getLogger(__name__)

Take = Callable[[Heard], Awaitable[None]]


class CatchUp:
    """Looks back once a workspace is heard again."""

    def __init__(self, presence: Presence, messenger: Messenger, hours: float) -> None:
        self._presence = presence
        self._messenger = messenger
        self._longest = timedelta(hours=hours)
        self._looking = asyncio.Lock()
        self._owed = True

    async def run(self, teams: Mapping[str, str], take: Take) -> None:
        """Hands over what was missed in workspaces, given with our user there. At the first start ever that is nothing.

        That a workspace is heard is noted once it was looked through; until then, the same is looked for again.
        """
        async with self._looking:
            self._owed = True
            for team, bot_user in teams.items():
                since = await self._presence.missed_since(PLATFORM, team, self._longest)
                if since and self._longest:
                    await self._look(team, bot_user, since, take)
                await self._presence.listening(PLATFORM, team)
            self._owed = False

    async def listening(self, teams: Mapping[str, str], take: Take) -> None:
        """Notes that we hear workspaces now; looks back first where that is still owed."""
        if self._looking.locked():
            return
        if self._owed:
            await self.run(teams, take)
        for team in teams:
            await self._presence.listening(PLATFORM, team)

    async def _look(self, team: str, bot_user: str, since: datetime, take: Take) -> None:
        workspace = await self._messenger.workspace(team)
        async for message in self._said(workspace, team, since):
            if heard := read_message(message, team=team, bot_user=bot_user):
                asked_at = datetime.fromtimestamp(float(message["ts"]), UTC)
                await take(replace(heard, question=replace(heard.question, asked_at=asked_at)))

    async def _said(self, workspace: Workspace, team: str, since: datetime) -> AsyncGenerator[dict[str, Any]]:
        oldest = f"{since.timestamp():.6f}"
        editor, pace = workspace.editor, workspace.pace
        found = await _asked(editor.users_conversations(types=KINDS, limit=CHANNELS, exclude_archived=True), "channels")
        channels = {str(channel["id"]): channel for channel in found}
        for channel, described in channels.items():
            await pace.turn("conversations.history")
            history = editor.conversations_history(channel=channel, oldest=oldest, limit=MESSAGES)
            kind = {"channel": channel, "channel_type": "im" if described.get("is_im") else "channel"}
            for message in reversed(await _asked(history, "messages")):
                yield message | kind
        for session in await self._presence.recent(PLATFORM, since - self._longest, THREADS):
            if session.workspace != team or session.channel not in channels or "." not in session.thread:
                continue
            await pace.turn("conversations.replies")
            replies = editor.conversations_replies(
                channel=session.channel, ts=session.thread, oldest=oldest, limit=MESSAGES
            )
            direct = channels[session.channel].get("is_im")
            for message in await _asked(replies, "messages"):
                if message["ts"] != session.thread and message["ts"] >= oldest:
                    yield message | {"channel": session.channel, "channel_type": "im" if direct else "channel"}


async def _asked(call: Awaitable[Any], what: str) -> list[dict[str, Any]]:
    """What Slack lists; nothing where it refuses, for a channel or a thread that is gone hides no other."""
    try:
        return list((await call)[what])
    except SlackApiError as error:
        _log.info("Slack does not list %s that we may have missed: %s", what, reason_of(error))
        return []
