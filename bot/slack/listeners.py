"""Hears what Slack sends and hands it over. Every event finds a listener: what nobody takes would be sent again.

Comes in: events, commands, clicks and dialogs from bolt, which acknowledges them when the listener returns. Goes out:
calls of the actions.
"""

import logging
import re
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext, AsyncRespond

from bot.rendering import WAITING
from bot.slack.actions import Actions
from bot.slack.aftercare import AftercareActions
from bot.slack.commands import Commands
from bot.slack.home import Home
from bot.slack.reader import Payload, read_deletion, read_message, read_rewording, read_shortcut
from bot.slack.renderer import FAULT_VIEW, render_said
from core.domain.conversation import Mode
from core.errors import InputError

COMMANDS = {"/ask": Mode.AGENT, "/crew": Mode.CREW}
ASSISTANT = "/assistant"
SHORTCUT = "ask_about_message"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rooms:
    """Where what was heard is handed to."""

    actions: Actions
    aftercare: AftercareActions
    commands: Commands
    home: Home


def listen(app: AsyncApp, rooms: Rooms) -> None:
    """Registers all listeners on a bolt application."""
    _listen_to_messages(app, rooms)
    _listen_to_commands(app, rooms)
    _listen_to_clicks(app, rooms)
    _listen_to_the_assistant(app, rooms)

    async def on_anything_else(body: dict[str, Any]) -> None:
        _log.debug("nothing to do for %s", body.get("event", {}).get("type"))

    app.event(re.compile(r".*"))(on_anything_else)


def _listen_to_messages(app: AsyncApp, rooms: Rooms) -> None:
    async def on_message(event: Payload, context: AsyncBoltContext) -> None:
        team, me = str(context.team_id), str(context.bot_user_id)
        match event.get("subtype"):
            case "message_changed":
                if reworded := read_rewording(event, team=team, bot_user=me):
                    await rooms.actions.reword(reworded)
            case "message_deleted":
                await rooms.actions.forget(read_deletion(event, team=team))
            case _:
                if heard := read_message(event, team=team, bot_user=me):
                    await rooms.actions.take(heard)

    app.event("app_mention")(on_message)
    app.event("message")(on_message)


def _listen_to_commands(app: AsyncApp, rooms: Rooms) -> None:
    async def on_question(ack: AsyncAck, command: Payload, respond: AsyncRespond) -> None:
        try:
            await rooms.actions.take_command(command, COMMANDS[command["command"]], respond)
        except InputError as error:
            await ack(f"{error.said} For example: `{command['command']} How do I create a DVC pipeline?`")
        else:
            await ack(text=WAITING, response_type="ephemeral")

    async def on_assistant(ack: AsyncAck, command: Payload) -> None:
        said = await rooms.commands.run(command)
        await ack(text=said[:3000], blocks=render_said(said), response_type="ephemeral")

    async def on_shortcut(ack: AsyncAck, body: Payload, context: AsyncBoltContext, respond: AsyncRespond) -> None:
        await ack()
        await rooms.aftercare.ask_about(read_shortcut(body, bot_user=str(context.bot_user_id)), respond)

    for command in COMMANDS:
        app.command(command)(on_question)
    app.command(ASSISTANT)(on_assistant)
    app.shortcut(SHORTCUT)(on_shortcut)


def _listen_to_clicks(app: AsyncApp, rooms: Rooms) -> None:
    async def on_click(ack: AsyncAck, body: Payload, respond: AsyncRespond) -> None:
        await ack()
        await rooms.aftercare.take(body, respond)

    async def on_fault(ack: AsyncAck, body: Payload) -> None:
        await ack()
        await rooms.aftercare.judge_further(body)

    for action in rooms.aftercare.clicks:
        app.action(action)(on_click)
    app.view(FAULT_VIEW)(on_fault)


def _listen_to_the_assistant(app: AsyncApp, rooms: Rooms) -> None:
    async def on_thread_started(event: Payload, context: AsyncBoltContext) -> None:
        thread = event["assistant_thread"]
        await rooms.home.suggest(str(context.team_id), thread["channel_id"], thread["thread_ts"])

    async def on_home_opened(event: Payload, context: AsyncBoltContext) -> None:
        if event.get("tab") == "messages":
            await rooms.home.suggest(str(context.team_id), event["channel"])
        else:
            await rooms.home.publish(str(context.team_id), event["user"])

    app.event("assistant_thread_started")(on_thread_started)
    app.event("app_home_opened")(on_home_opened)
