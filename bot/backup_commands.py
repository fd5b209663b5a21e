"""The commands `backup` and `restore`.

Comes in: a folder, or a bucket as s3://bucket/prefix. Goes out: an archive there, or everything back from one. A backup
works beside a running service; a restore wants none.
"""

import asyncio
from typing import Annotated

import typer

from bot.calling import commander
from bot.starting import console, read_settings
from core.settings import Settings


def backup(
    destination: Annotated[str, typer.Argument(help="A folder, or s3://bucket/prefix.")],
    keep: Annotated[
        int | None, typer.Option(min=1, help="How many stay, the new one included. All by default.")
    ] = None,
) -> None:
    """Back up conversations, pages, uploads and settings made in the console, beside a running service."""
    settings = read_settings()
    from core.operations.backup import make_backup  # noqa: PLC0415 - after a broken `.env` was told

    name, manifest = make_backup(settings, destination, keep)
    asyncio.run(_note(settings, "backup.make", name, manifest.rows))
    console.print(
        f"[green]✓[/] {name} in {destination}: {_told(manifest.rows)}.\n"
        "  Keep `.env` and the secrets beside it: they are in no backup.",
        highlight=False,
        soft_wrap=True,
    )


def restore(
    source: Annotated[str, typer.Argument(help="An archive, or the folder or s3://bucket/prefix with the newest one.")],
    force: Annotated[bool, typer.Option("--force", help="Also over what is there, which is backed up first.")] = False,
) -> None:
    """Bring a backup back, into SQLite or Postgres, and build its index. No service may run."""
    settings = read_settings()
    from bot.terminal import show_refresh  # noqa: PLC0415 - seconds of imports, after a broken `.env` was told
    from core.bootstrap import open_services, prepare  # noqa: PLC0415
    from core.knowledge.refresh import AT_START  # noqa: PLC0415
    from core.operations.backup import restore_backup  # noqa: PLC0415
    from core.operations.ownership import own_folder  # noqa: PLC0415

    with own_folder(settings):
        manifest, kept = restore_backup(settings, source, force=force)
        prepare(settings, console.print)
        asyncio.run(_note(settings, "backup.restore", manifest.made_at, manifest.rows))

        async def build() -> None:
            async with open_services(settings) as services, services.worker.beside(keeps_time=False):
                await show_refresh(services.refresher.refresh(AT_START), console)

        console.print(f"[green]✓[/] The backup of {manifest.made_at} is back: {_told(manifest.rows)}.", highlight=False)
        if kept:
            console.print(f"  What was there is kept: {settings.var_dir / 'backups' / kept}", soft_wrap=True)
        asyncio.run(build())


async def _note(settings: Settings, action: str, subject: str, rows: dict[str, int]) -> None:
    """On the record of changes."""
    from core.domain.people import acting_as  # noqa: PLC0415
    from core.storage.audit import Audit  # noqa: PLC0415
    from core.storage.engine import Database  # noqa: PLC0415

    database = Database(settings.sqlalchemy_url)
    try:
        with acting_as(commander()):
            await Audit(database).note(action, subject, after={"rows": sum(rows.values())})
    finally:
        await database.close()


def _told(rows: dict[str, int]) -> str:
    messages, sessions, pages = (rows.get(name, 0) for name in ("messages", "sessions", "documents"))
    return f"{messages} messages of {sessions} conversations, {pages} pages"
