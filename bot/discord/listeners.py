"""Hears what Discord sends and hands it over.

Comes in: messages, edits, clicks and commands from discord.py, and whatever goes wrong in them. Goes out: calls of the
actions.
"""

import logging
from dataclasses import dataclass
from typing import Any

import discord
from discord import app_commands

from bot.discord.actions import Actions
from bot.discord.aftercare import AftercareActions, tell
from bot.discord.buttons import AnswerButton
from bot.discord.commands import Commands
from bot.discord.reader import question_id, read_message, read_rewording, read_session, read_shortcut
from bot.discord.renderer import render_failure, render_notice
from core.answering.presence import NAMES
from core.answering.service import check_text
from core.domain.channels import Fault
from core.domain.conversation import Mode
from core.errors import AssistantError, InputError

QUESTION_LIMIT = 6_000
"""Characters that Discord lets a person write into an option of a command."""

COMMANDS = {
    "ask": (Mode.AGENT, "Answers a question about MLOps, with its sources"),
    "crew": (Mode.CREW, "Lets a researcher and a writer work on a question; slower and more thorough"),
}
SHORTCUT = "Ask about this message"

Asked = app_commands.Range[str, 1, QUESTION_LIMIT]
Tree = app_commands.CommandTree[discord.Client]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rooms:
    """Where what was heard is handed to."""

    actions: Actions
    aftercare: AftercareActions
    commands: Commands


def listen(client: discord.Client, rooms: Rooms) -> Tree:
    """Registers all listeners on a client; gives the commands, to be told to Discord once it is connected."""
    tree = app_commands.CommandTree(client)
    _listen_to_messages(client, rooms)
    _listen_to_deletions(client, rooms)
    _listen_to_clicks(client, rooms)
    _listen_to_commands(tree, rooms)
    _listen_to_other_commands(tree, rooms)

    async def on_error(event: str, /, *_: object, **__: object) -> None:
        _log.exception("the Discord event %s could not be handled", event)

    client.event(on_error)
    tree.error(_on_command_error)
    return tree


def _listen_to_messages(client: discord.Client, rooms: Rooms) -> None:
    def circumstances() -> dict[str, Any]:
        return {"me": me_of(client), "sees_content": client.intents.message_content}

    async def on_message(message: discord.Message) -> None:
        if message.author.id == me_of(client):
            return
        if heard := read_message(message, await whereabouts(client, message), **circumstances()):
            await rooms.actions.take(heard)

    async def on_raw_message_edit(change: discord.RawMessageUpdateEvent) -> None:
        message = change.message
        if "content" not in change.data or message.author.id == me_of(client) or message.edited_at is None:
            return
        if reworded := read_rewording(message, await whereabouts(client, message), **circumstances()):
            await rooms.actions.reword(reworded)

    client.event(on_message)
    client.event(on_raw_message_edit)


def _listen_to_deletions(client: discord.Client, rooms: Rooms) -> None:
    async def on_raw_message_delete(deleted: discord.RawMessageDeleteEvent) -> None:
        await rooms.actions.forget(question_id(deleted.message_id))

    async def on_raw_bulk_message_delete(deleted: discord.RawBulkMessageDeleteEvent) -> None:
        for message in sorted(deleted.message_ids):
            await rooms.actions.forget(question_id(message))

    client.event(on_raw_message_delete)
    client.event(on_raw_bulk_message_delete)


def _listen_to_clicks(client: discord.Client, rooms: Rooms) -> None:
    async def on_click(click: discord.Interaction, verb: str, value: str) -> None:
        await rooms.aftercare.take(click, verb, value)

    async def on_fault(submission: discord.Interaction, message_id: str, fault: Fault, comment: str) -> None:
        await rooms.aftercare.judge_further(submission, message_id, fault, comment)

    client.event(on_click)
    client.event(on_fault)
    client.add_dynamic_items(AnswerButton)


def _listen_to_commands(tree: Tree, rooms: Rooms) -> None:
    async def proposed(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        return _choices(await rooms.commands.questions(read_session(interaction).workspace, current))

    async def on_shortcut(interaction: discord.Interaction, message: discord.Message) -> None:
        await rooms.aftercare.ask_about(read_shortcut(interaction, message, me=me_of(tree.client)), interaction)

    for name, (mode, description) in COMMANDS.items():
        command = _question_command(name, description, mode, rooms.actions)
        command.autocomplete("question")(proposed)
        tree.add_command(command)
    tree.add_command(app_commands.ContextMenu(name=SHORTCUT, callback=on_shortcut))


def _question_command(name: str, description: str, mode: Mode, actions: Actions) -> app_commands.Command[Any, ..., Any]:
    @app_commands.describe(question="What you want to know", private="Answer me alone")
    async def on_command(interaction: discord.Interaction, question: Asked, private: bool = False) -> None:
        try:
            check_text(question)
        except InputError as error:
            await tell(interaction, render_notice(render_failure(error)))
        else:
            await actions.take_command(interaction, question, mode, private=private)

    return app_commands.Command(name=name, description=description, callback=on_command)


def _listen_to_other_commands(tree: Tree, rooms: Rooms) -> None:
    async def on_reset(interaction: discord.Interaction) -> None:
        await rooms.actions.reset(interaction)

    async def on_help(interaction: discord.Interaction) -> None:
        await tell(interaction, render_notice(await rooms.commands.help(read_session(interaction).workspace)))

    async def on_sources(interaction: discord.Interaction) -> None:
        await tell(interaction, render_notice(await rooms.commands.sources()))

    tree.command(name="reset", description="Forgets the conversation in this thread or direct message")(on_reset)
    tree.command(name="help", description="Shows what I can do")(on_help)
    tree.command(name="sources", description="Shows where my answers come from")(on_sources)
    tree.add_command(_settings_command(rooms.commands))


def _settings_command(commands: Commands) -> app_commands.Command[Any, ..., Any]:
    @app_commands.describe(
        name="What to set; without it, what holds is shown",
        value="What it shall be; `default` takes it back",
        workspace="For all channels of this server",
    )
    @app_commands.choices(name=_choices(NAMES))
    async def on_settings(
        interaction: discord.Interaction,
        name: str | None = None,
        value: str | None = None,
        workspace: bool = False,
    ) -> None:
        said = await commands.settings(interaction, name, value, everywhere=workspace)
        await tell(interaction, render_notice(said))

    async def proposed(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        return _choices(commands.values(str(interaction.namespace.name or ""), current))

    description = "Shows or changes how I behave in this channel"
    command: app_commands.Command[Any, ..., Any] = app_commands.Command(
        name="settings", description=description, callback=on_settings
    )
    command.autocomplete("value")(proposed)
    return command


async def _on_command_error(interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
    """Tells the asker in words whatever went wrong in a command, and the log in detail."""
    _log.error("the command %s could not be handled", interaction.command, exc_info=error)
    if interaction.type is discord.InteractionType.autocomplete:
        return
    cause = error.__cause__
    known = cause if isinstance(cause, AssistantError) else AssistantError("Something broke. Ask again later.")
    try:
        await tell(interaction, render_notice(render_failure(known)))
    except discord.HTTPException as refused:
        _log.warning("the asker could not be told: %s", refused)


async def whereabouts(client: discord.Client, message: discord.Message) -> object:
    """The channel of a message; asked for when it is a thread that slept until now."""
    if isinstance(message.channel, discord.PartialMessageable):
        return await client.fetch_channel(message.channel.id)
    return message.channel


def me_of(client: discord.Client) -> int:
    """Our own id; 0 before we know it."""
    return client.user.id if client.user else 0


def _choices(values: Any) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=value, value=value) for value in values]
