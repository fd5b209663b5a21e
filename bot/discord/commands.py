"""The commands `/help`, `/sources` and `/settings`, and what Discord proposes while somebody types.

Comes in: interactions, and what was typed. Goes out: Markdown for the one who used the command. Used by the listeners.
"""

import discord

from bot.discord.reader import PLATFORM, plain_ids, read_session
from bot.discord.renderer import defused, render_failure
from bot.rendering import help_text, settings_text, sources_text
from core.answering.presence import Presence
from core.domain.channels import Address, Speaks
from core.domain.conversation import Mode
from core.domain.people import acting_as
from core.errors import AssistantError

COMMANDS = (
    ("/ask QUESTION", "answers in a thread of its own; with `private` you alone, with a button to share the answer"),
    ("/crew QUESTION", "lets a researcher and a writer work on it"),
    ("/settings", "shows what holds in this channel; with NAME and VALUE sets it, VALUE `default` takes it back"),
    ("/sources", "shows where my answers come from"),
    ("/reset", "forgets the conversation in this thread or direct message"),
    ("stop", "in a thread stops the answer that is being written"),
)
DEFAULT = "default"
NOT_ALLOWED = (
    "Only those who may manage this channel can change its settings, for the whole server only those who may manage "
    "the server, or those whom the owner names in CHAT_OWNERS. Nothing was changed."
)
PROPOSED = {"speaks": [*Speaks], "mode": [*Mode], "delete_answers": ["yes", "no"]}
PROPOSALS, PROPOSAL_LENGTH = 25, 100
"""What Discord takes."""


class Commands:
    """What the commands do that ask no question."""

    def __init__(self, presence: Presence, owners: frozenset[str]) -> None:
        self._presence = presence
        self._owners = owners

    async def help(self, server: str) -> str:
        """What we can do here, with examples from our own pages."""
        examples = await self._presence.examples(PLATFORM, server)
        return defused(help_text(examples, await self._presence.topics(), COMMANDS))

    async def sources(self) -> str:
        """Where our answers come from."""
        return defused(sources_text(await self._presence.topics()))

    async def settings(
        self, interaction: discord.Interaction, name: str | None, value: str | None, *, everywhere: bool
    ) -> str:
        """What holds, or what holds now that something was changed."""
        session = read_session(interaction)
        address = Address(PLATFORM, session.workspace, "" if everywhere else session.channel)
        try:
            if not name:
                settings = await self._presence.settings(address)
                return f"**What holds {'on this server' if everywhere else 'here'}**\n{settings_text(settings)}"
            if not self._may_change(interaction, everywhere=everywhere):
                return NOT_ALLOWED
            given = plain_ids(value or "").strip()
            changed = None if given.lower() in {"", DEFAULT} else given
            person = str(interaction.user.id)
            with acting_as(f"{PLATFORM}:{person}"):
                settings = await self._presence.change(address, name, changed, person)
        except AssistantError as error:
            return render_failure(error)
        return defused(f"Changed.\n{settings_text(settings)}")

    async def questions(self, server: str, typed: str) -> list[str]:
        """Questions that Discord proposes while somebody types one."""
        examples = await self._presence.examples(PLATFORM, server, PROPOSALS)
        return [text for text in examples if typed.lower() in text.lower() and len(text) <= PROPOSAL_LENGTH]

    def values(self, name: str, typed: str) -> list[str]:
        """What a setting can be, as far as that can be listed."""
        proposed = [*PROPOSED.get(name, []), DEFAULT]
        return [str(value) for value in proposed if str(value).startswith(typed.lower())]

    def _may_change(self, interaction: discord.Interaction, *, everywhere: bool) -> bool:
        if str(interaction.user.id) in self._owners:
            return True
        allowed = interaction.permissions
        return interaction.guild_id is not None and (allowed.manage_guild if everywhere else allowed.manage_channels)
