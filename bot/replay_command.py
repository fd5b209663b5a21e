"""The command `replay`.

Comes in: the id of a message. Goes out: a request to the API, and what differs as text in the terminal.
"""

import asyncio
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from bot.calling import api
from bot.starting import console, prepared_settings
from bot.tables import good, table_of

COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def replay(
    message: Annotated[str, typer.Argument(help="The id of an answer or its question, or the end of one.")],
) -> None:
    """Answer a question again as it would be answered now, and show what differs from what was said then."""
    settings = prepared_settings()

    async def call() -> Any:
        async with api(settings) as service:
            return await service.call("POST", f"/messages/{message}/replay")

    show_replay(asyncio.run(call()), console)


def show_replay(found: dict[str, Any], console: Console) -> None:
    """The question, what differs, and what both runs took."""
    console.print(Text(found["question"], style="bold"), soft_wrap=True)
    if found["differences"] or found["text"]:
        console.print(table_of(found["differences"], "what", "then", "now"))
    else:
        good("Nothing differs.", console)
    for line in found["text"]:
        console.print(Text(line, style=COLOURS.get(line[:1], "")), soft_wrap=True)
    for when in ("then", "now"):
        run = found[when]
        stages = ", ".join(f"{stage} {spent} ms" for stage, spent in run["timings"].items())
        took = f"{when}: {run['milliseconds']:,} ms ({stages}), {run['tokens']:,} tokens, ${run['cost'] / 1e6:.6f}"
        console.print(took, style="dim", highlight=False, soft_wrap=True)
