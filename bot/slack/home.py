"""The app's home and the assistant's container: what people see before they ask.

Comes in: who opened it. Goes out: the home's view, suggested prompts, the title of a conversation. Used by the
listeners and the actions.
"""

import logging
from typing import Any

from slack_sdk.errors import SlackApiError

from bot.rendering import moment, settings_text
from bot.slack.commands import Commands
from bot.slack.failures import OUT_OF_REACH, reason_of
from bot.slack.messenger import Messenger
from bot.slack.reader import PLATFORM
from bot.slack.renderer import Block, defused
from core.answering.masking import masked
from core.answering.presence import Presence
from core.domain.channels import Address
from core.domain.conversation import Question, Session

GREETING = "Questions that I can answer"
LOOKING = "is looking into it…"
STATUSES = ["is searching the documentation…", "is reading what it found…", "is writing the answer…"]
TITLE = 100

_log = logging.getLogger(__name__)


class Home:
    """What stands around conversations."""

    def __init__(self, presence: Presence, commands: Commands, messenger: Messenger) -> None:
        self._presence = presence
        self._commands = commands
        self._messenger = messenger

    async def publish(self, team: str, person: str) -> None:
        """Shows what we know, the person's conversations and what holds, on the home of the app."""
        workspace = await self._messenger.workspace(team)
        mine = await self._presence.conversations_of(PLATFORM, team, person)
        settings = await self._presence.settings(Address(PLATFORM, team))
        blocks = [
            *_section(await self._commands.help(team)),
            *_section("\n".join(["**Your conversations**", *(_line(session, workspace.url) for session in mine)])),
            *_section(f"**What holds in this workspace**\n{settings_text(settings)}"),
        ]
        await workspace.client.views_publish(user_id=person, view={"type": "home", "blocks": blocks})

    async def suggest(self, team: str, channel: str, thread: str = "") -> None:
        """Suggests questions in a conversation that was just opened; `agent_view` opens it without a thread."""
        if prompts := await self._commands.prompts(team):
            workspace = await self._messenger.workspace(team)
            options: dict[str, Any] = {"thread_ts": thread} if thread else {}
            await workspace.client.assistant_threads_setSuggestedPrompts(
                channel_id=channel, prompts=prompts, title=GREETING, **options
            )

    async def begin(self, question: Question) -> None:
        """Shows in the assistant's container that a question is looked into, and names the conversation after it."""
        session = question.session
        workspace = await self._messenger.workspace(session.workspace)
        place = {"channel_id": session.channel, "thread_ts": session.thread}
        try:
            await workspace.client.assistant_threads_setStatus(**place, status=LOOKING, loading_messages=STATUSES)
            title = defused(" ".join(masked(question.text).split()))[:TITLE]
            await workspace.client.assistant_threads_setTitle(**place, title=title)
        except (SlackApiError, *OUT_OF_REACH) as error:
            reason = reason_of(error) if isinstance(error, SlackApiError) else error
            _log.debug("the assistant's container shows nothing: %s", reason)


def _section(text: str) -> list[Block]:
    return [{"type": "markdown", "text": defused(text)[:3900]}]


def _line(session: Session, url: str) -> str:
    key = session.key
    address = f"{url}archives/{key.channel}/p{key.thread.replace('.', '')}" if url and key.thread else ""
    title = session.title.replace("[", "(").replace("]", ")")
    return f"- {moment(session.updated_at)}: " + (f"[{title}]({address})" if address else title)
