"""The command `history`.

Comes in: the name of a session. Goes out: a request to the API, and its messages in the terminal, each with the id that
`replay` takes.
"""

import asyncio
import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from bot.calling import api
from bot.starting import console, prepared_settings

SHORT = 8
"""Characters of an id that are shown: its end."""


def history(
    session: Annotated[str, typer.Argument(help="The name of a conversation, or its id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Write the whole conversation as JSON.")] = False,
) -> None:
    """Show a conversation, with the ids of its messages."""
    settings = prepared_settings()

    async def call() -> Any:
        async with api(settings) as service:
            return await service.call("GET", f"/history/{session}")

    found = asyncio.run(call())
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        show_history(found, console)


def show_history(found: dict[str, Any], console: Console) -> None:
    """The messages, oldest first."""
    for message in found["messages"]:
        said_by = Text.assemble((message["id"][-SHORT:], "dim"), "  ", (message["role"], "bold"))
        if message["status"] != "delivered":
            said_by.append(f"  {message['status']}", "yellow")
        console.print(said_by, soft_wrap=True)
        console.print(Text(message["text"]), soft_wrap=True)
        console.print()
