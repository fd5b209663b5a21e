"""The command `/assistant`: help, settings, sources; and what people see before they ask.

Comes in: the words behind the command. Goes out: Markdown for the one who used it. Used by the listeners.
"""

from typing import Any

from slack_sdk.errors import SlackApiError

from bot.rendering import help_text, settings_text, sources_text
from bot.slack.failures import OUT_OF_REACH
from bot.slack.messenger import Messenger
from bot.slack.reader import PLATFORM, Payload, plain_ids
from bot.slack.renderer import defused, render_failure
from core.answering.presence import Presence
from core.domain.channels import Address
from core.domain.people import acting_as
from core.errors import AssistantError

COMMANDS = (
    ("/ask QUESTION", "answers you alone, with a button to share the answer"),
    ("/crew QUESTION", "lets a researcher and a writer work on it"),
    ("/assistant settings", "shows what holds in this channel"),
    (
        "/assistant settings NAME VALUE",
        "sets it; `workspace NAME VALUE` for all channels, `NAME default` takes it back",
    ),
    ("/assistant sources", "shows where my answers come from"),
    ("stop", "in a thread stops the answer that is being written"),
)
DEFAULT = "default"
WORKSPACE = "workspace"
NOT_ALLOWED = (
    "Only admins of this workspace can change settings, or those whom the owner names in CHAT_OWNERS. "
    "Nothing was changed."
)


class Commands:
    """What `/assistant` does."""

    def __init__(self, presence: Presence, messenger: Messenger, owners: frozenset[str]) -> None:
        self._presence = presence
        self._messenger = messenger
        self._owners = owners

    async def run(self, command: Payload) -> str:
        """What to say to the one who used the command."""
        verb, _, rest = (command.get("text") or "").strip().partition(" ")
        try:
            match verb.lower():
                case "settings":
                    return await self._settings(command, plain_ids(rest).strip())
                case "sources":
                    return sources_text(await self._presence.topics())
                case _:
                    return await self.help(command["team_id"])
        except AssistantError as error:
            return render_failure(error)

    async def help(self, team: str) -> str:
        """What we can do here, with examples from our own pages."""
        examples = await self._presence.examples(PLATFORM, team)
        return defused(help_text(examples, await self._presence.topics(), COMMANDS))

    async def prompts(self, team: str) -> list[dict[str, str]]:
        """Questions to begin with, as Slack suggests them."""
        return [{"title": text[:75], "message": text} for text in await self._presence.examples(PLATFORM, team)]

    async def _settings(self, command: Payload, words: str) -> str:
        team = command["team_id"]
        first, _, rest = words.partition(" ")
        everywhere = first.lower() == WORKSPACE
        address = Address(PLATFORM, team, "" if everywhere else command["channel_id"])
        name, _, value = (rest if everywhere else words).strip().partition(" ")
        if not name:
            settings = await self._presence.settings(address)
            return f"**What holds {'in this workspace' if everywhere else 'here'}**\n{settings_text(settings)}"
        if not await self._may_change(team, command["user_id"]):
            return NOT_ALLOWED
        given = None if value.strip().lower() in {"", DEFAULT} else value.strip()
        with acting_as(f"{PLATFORM}:{command['user_id']}"):
            settings = await self._presence.change(address, name.lower(), given, command["user_id"])
        return f"Changed.\n{settings_text(settings)}"

    async def _may_change(self, team: str, person: str) -> bool:
        if person in self._owners:
            return True
        workspace = await self._messenger.workspace(team)
        try:
            reply: Any = await workspace.editor.users_info(user=person)
        except (SlackApiError, *OUT_OF_REACH):
            return False
        user = reply["user"]
        return bool(user.get("is_admin") or user.get("is_owner"))
