"""The command `demo`.

Comes in: whether to seed or to remove. Goes out: a month of made-up conversations in the database, or none any more. It
opens the database alone, so it works beside a running service.
"""

import asyncio
from typing import Annotated

import typer

from bot.calling import commander
from bot.starting import console, read_settings


def demo(
    remove: Annotated[bool, typer.Option("--remove", help="Take all of it away again, and nothing else.")] = False,
    seed: Annotated[int, typer.Option(help="Another number makes another month.")] = 1,
) -> None:
    """Fill the console with a month of made-up conversations, in a workspace called `demo`."""
    settings = read_settings()
    from core.domain.people import acting_as  # noqa: PLC0415 - after a broken `.env` was told
    from core.operations.demo import remove_demo, seed_demo  # noqa: PLC0415 - likewise
    from core.operations.ownership import owner_address  # noqa: PLC0415 - likewise
    from core.storage.migrate import migrate  # noqa: PLC0415 - likewise

    if owner_address(settings) is None:
        migrate(settings.sqlalchemy_url)
    with acting_as(commander()):
        if remove:
            messages = asyncio.run(remove_demo(settings))
            console.print(
                f"[green]✓[/] The demo was removed: {messages} messages."
                if messages
                else "There was no demo to remove."
            )
            return
        seeded = asyncio.run(seed_demo(settings, seed))
    console.print(
        f"[green]✓[/] The workspace `demo` holds a month of made-up traffic: {seeded.sessions} conversations of "
        f"{seeded.people} people, {seeded.messages} messages.\n"
        f"  Look at it in the console: [bold]{settings.address}/admin/overview?period=30d[/]\n"
        "  `mlops-assistant demo --remove` takes it away again.",
        highlight=False,
        soft_wrap=True,
    )
