"""Hears what Slack sends and hands it over. Every event finds a listener: what nobody takes would be sent again.

Comes in: events and commands from bolt, which acknowledges them when the listener returns. Goes out: calls of
`Actions`.
"""

import logging
import re
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext, AsyncRespond

from bot.slack.actions import Actions
from bot.slack.reader import Payload, read_message
from bot.slack.renderer import STOP_ACTION
from core.domain.conversation import Mode
from core.errors import InputError

COMMANDS = {"/ask": Mode.AGENT, "/crew": Mode.CREW}

_log = logging.getLogger(__name__)


def listen(app: AsyncApp, actions: Actions) -> None:
    """Registers all listeners on a bolt application."""

    async def on_message(event: Payload, context: AsyncBoltContext) -> None:
        heard = read_message(event, team=str(context.team_id), bot_user=str(context.bot_user_id))
        if heard:
            await actions.take(heard)

    async def on_command(ack: AsyncAck, command: Payload, respond: AsyncRespond) -> None:
        try:
            await actions.take_command(command, COMMANDS[command["command"]], respond)
        except InputError as error:
            await ack(f"{error.said} For example: `{command['command']} How do I create a DVC pipeline?`")
        else:
            await ack()

    async def on_stop(ack: AsyncAck, action: Payload, body: Payload, respond: AsyncRespond) -> None:
        await ack()
        await actions.take_stop(str(action["value"]), str(body["user"]["id"]), respond)

    async def on_anything_else(body: dict[str, Any]) -> None:
        _log.debug("nothing to do for %s", body.get("event", {}).get("type"))

    app.event("app_mention")(on_message)
    app.event("message")(on_message)
    for command in COMMANDS:
        app.command(command)(on_command)
    app.action(STOP_ACTION)(on_stop)
    app.event(re.compile(r".*"))(on_anything_else)
