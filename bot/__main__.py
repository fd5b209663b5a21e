"""The command `mlops-assistant`.

Comes in: what somebody typed. Goes out: exit status 0, or one sentence on standard error and status 1. Each command
imports what it needs after reading the settings: `--help` is quick, and a broken `.env` is met by us, not by chromadb.
"""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bot import backup_commands, demo_command, history_command, index_commands, replay_command, source_commands
from bot.starting import complaints, console, prepared_settings, read_settings
from core.errors import AssistantError

app = typer.Typer(
    name="mlops-assistant",
    help="Answers MLOps questions in Slack, Discord, HTTP and a console, with its sources.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(source_commands.app, name="sources")
app.add_typer(index_commands.versions, name="versions")
app.command()(index_commands.promote)
app.command()(index_commands.rollback)
app.command()(index_commands.evaluate)
app.command()(history_command.history)
app.command()(replay_command.replay)
app.command()(demo_command.demo)
app.command()(backup_commands.backup)
app.command()(backup_commands.restore)


class Engine(StrEnum):
    """Who answers."""

    agent = "agent"
    crew = "crew"


def main() -> None:
    """Runs the command; every expected failure is one sentence."""
    with sentences():
        app()


@contextmanager
def sentences() -> Generator[None]:
    """Turns an AssistantError into one sentence on standard error and exit status 1."""
    try:
        yield
    except AssistantError as error:
        logging.getLogger(__name__).debug("failed", exc_info=error)
        complaints.print(f"[red]✗[/] {escape(error.said)}", highlight=False, soft_wrap=True)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _version(wanted: bool) -> None:
    if wanted:
        from core.version import VERSION

        console.print(f"mlops-assistant {VERSION}", highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    roles: Annotated[
        str | None,
        typer.Option(help="What this process does, comma-separated: http, slack, discord, worker. All by default."),
    ] = None,
) -> None:
    """Serve HTTP, the console and every chat platform whose token is set."""
    settings = read_settings(**({"roles": roles} if roles else {}))
    from bot.serve import serve as run

    run(settings, console)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    mode: Annotated[Engine, typer.Option(help="Who answers.")] = Engine.agent,
    session: Annotated[str | None, typer.Option(help="Name of a conversation to go on with.")] = None,
) -> None:
    """Ask a question and watch the answer being written, with its sources."""
    settings = prepared_settings()
    from bot.commands import ask as run

    logging.getLogger("core.answering").setLevel(logging.ERROR)  # the asker reads the sentence itself
    asyncio.run(run(settings, question, mode.value, session, console))


@app.command()
def refresh(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Read every page again and build a new version.")] = False,
) -> None:
    """Look at every source and bring the index up to date with its pages."""
    settings = prepared_settings()
    from bot.commands import refresh as run

    asyncio.run(run(settings, console, rebuild=rebuild))


@app.command()
def migrate(
    revision: Annotated[str, typer.Argument(help="head, base, -1 or a revision.")] = "head",
) -> None:
    """Bring the tables of the database up to date, or back to an earlier revision."""
    from core.storage.migrate import migrate as run

    console.print(f"[green]✓[/] The database is at revision {run(read_settings().sqlalchemy_url, revision)}.")


@app.command()
def secrets(folder: Annotated[Path, typer.Argument(help="Where settings find them: SECRETS_DIR.")]) -> None:
    """Make up the secrets of an installation, a file each; those that are there stay."""
    from core.operations.secret_files import make_secrets

    made = make_secrets(folder)
    console.print(f"[green]✓[/] Secrets in {folder}: {', '.join(made) or 'all were there'}.", highlight=False)


@app.command()
def doctor() -> None:
    """Check database, index, models and chat platforms, and say what to mend."""
    settings = read_settings()
    from bot.doctor import examine

    marks = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[dim]-[/]"}
    findings = asyncio.run(examine(settings))
    for finding in findings:
        console.print(f"{marks[finding.well]} {finding.part}: {escape(finding.said)}", highlight=False, soft_wrap=True)
    if any(finding.well is False for finding in findings):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
