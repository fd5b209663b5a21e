"""Hears what Discord sends and hands it over.

Comes in: messages and slash commands from discord.py, and whatever goes wrong in them. Goes out: calls of `Actions`.
"""

import logging
from typing import Any

import discord
from discord import app_commands

from bot.discord.actions import Actions
from bot.discord.reader import read_message
from bot.discord.renderer import render_failure
from bot.discord.stop_button import StopButton
from core.answering.service import check_text
from core.domain.conversation import Mode
from core.errors import AssistantError, InputError

QUESTION_LIMIT = 6_000
"""Characters that Discord lets a person write into an option of a command."""

COMMANDS = {
    "ask": (Mode.AGENT, "Answers a question about MLOps, with its sources"),
    "crew": (Mode.CREW, "Lets a researcher and a writer work on a question; slower and more thorough"),
}

Asked = app_commands.Range[str, 1, QUESTION_LIMIT]

_log = logging.getLogger(__name__)


def listen(client: discord.Client, actions: Actions) -> app_commands.CommandTree[discord.Client]:
    """Registers all listeners on a client; gives the commands, to be told to Discord once it is connected."""
    tree = app_commands.CommandTree(client)

    async def on_message(message: discord.Message) -> None:
        channel = await _whereabouts(client, message)
        me = client.user.id if client.user else 0
        heard = read_message(message, channel, me=me, sees_content=client.intents.message_content)
        if heard:
            await actions.take(heard)

    async def on_reset(interaction: discord.Interaction) -> None:
        await actions.reset(interaction)

    async def on_stop(interaction: discord.Interaction, event_id: str) -> None:
        await actions.take_stop(interaction, event_id)

    async def on_error(event: str, /, *_: object, **__: object) -> None:
        _log.exception("the Discord event %s could not be handled", event)

    client.event(on_message)
    client.event(on_error)
    client.event(on_stop)
    client.add_dynamic_items(StopButton)
    for name, (mode, description) in COMMANDS.items():
        tree.add_command(_command(name, description, mode, actions))
    tree.command(name="reset", description="Forgets the conversation in this thread or direct message")(on_reset)
    tree.error(_on_command_error)
    return tree


def _command(name: str, description: str, mode: Mode, actions: Actions) -> app_commands.Command[Any, ..., None]:
    @app_commands.describe(question="What you want to know")
    async def on_command(interaction: discord.Interaction, question: Asked) -> None:
        try:
            check_text(question)
        except InputError as error:
            await interaction.response.send_message(render_failure(error), ephemeral=True)
        else:
            await actions.take_command(interaction, question, mode)

    return app_commands.Command(name=name, description=description, callback=on_command)


async def _on_command_error(interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
    """Tells the asker in words whatever went wrong in a command, and the log in detail."""
    _log.error("the command %s could not be handled", interaction.command, exc_info=error)
    cause = error.__cause__
    known = cause if isinstance(cause, AssistantError) else AssistantError("Something broke. Ask again later.")
    try:
        if interaction.response.is_done():
            await interaction.edit_original_response(content=render_failure(known))
        else:
            await interaction.response.send_message(render_failure(known), ephemeral=True)
    except discord.HTTPException as refused:
        _log.warning("the asker could not be told: %s", refused)


async def _whereabouts(client: discord.Client, message: discord.Message) -> object:
    """The channel of a message; asked for when it is a thread that slept until now."""
    if isinstance(message.channel, discord.PartialMessageable) and not message.author.bot:
        return await client.fetch_channel(message.channel.id)
    return message.channel
