"""The commands of the index: `versions`, `promote`, `rollback` and `evaluate`.

Comes in: what somebody typed. Goes out: a request to the API, and its reply as text. `evaluate --questions` alone works
without it: in a place of its own.
"""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.calling import api
from bot.starting import console, prepared_settings, read_settings
from bot.tables import good, show_changes, show_evaluation, show_versions
from core.errors import InputError
from core.settings import Settings

versions = typer.Typer(help="The versions of the index and what was done to them.", rich_markup_mode=None)

VersionOption = Annotated[str | None, typer.Option(help="The end of its id; the live one when left out.")]


@versions.callback(invoke_without_command=True)
def _versions(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_versions()


@versions.command("list")
def list_versions() -> None:
    """Show the versions that are kept, and the latest changes of the live one."""
    settings = prepared_settings()

    async def calls() -> tuple[Any, Any]:
        async with api(settings) as service:
            return await service.call("GET", "/index/versions"), await service.call("GET", "/index/changes?limit=5")

    kept, changes = asyncio.run(calls())
    show_versions(kept, console)
    show_changes(changes, console)


def promote(version: Annotated[str, typer.Argument(help="The end of its id, as `versions` shows it.")]) -> None:
    """Make a version in Staging the live one, whatever the golden questions said."""
    live = _call(prepared_settings(), "POST", f"/index/versions/{version}/promote")
    good(f"Version {live['id'][-8:]} is live: {live['passages']:,} passages of {live['documents']:,} pages.", console)


def rollback(
    version: Annotated[str | None, typer.Argument(help="An archived version; the latest change when left out.")] = None,
) -> None:
    """Undo the latest change of the index, or go back to an archived version."""
    live = _call(prepared_settings(), "POST", "/index/rollback", json={"version": version} if version else {})
    good(
        f"Rolled back: version {live['id'][-8:]} is live, {live['passages']:,} passages of {live['documents']:,} "
        "pages. What was taken back returns when it changes at its source.",
        console,
    )


def evaluate(
    version: VersionOption = None,
    compare: Annotated[str | None, typer.Option(help="Another version, question by question.")] = None,
    questions: Annotated[Path | None, typer.Option(help="A file of questions of your own, with --pages.")] = None,
    pages: Annotated[list[Path] | None, typer.Option(help="A folder to ask them of. Repeat it for more.")] = None,
    results: Annotated[Path | None, typer.Option("--json", help="Write the pages found, a question a line.")] = None,
) -> None:
    """Ask the golden questions and show how well they are answered and refused, with 95% intervals."""
    if bool(questions) != bool(pages):
        raise InputError("--questions and --pages go together: a file of questions, and the folders to ask them of.")
    if questions and (version or compare):
        raise InputError("--version and --compare are of the index; --questions builds one of its own.")
    if questions and pages:
        found = asyncio.run(_try_folders(read_settings(), questions, pages))
    else:
        settings = prepared_settings()
        console.print("Asking the golden questions…", style="dim")
        found = _call(settings, "POST", "/index/evaluate", json=_sent(version, compare))
    show_evaluation(found, console)
    if results:
        _write(results, found["outcomes"])


async def _try_folders(settings: Settings, questions: Path, folders: list[Path]) -> Any:
    from bot.http.index_schemas import EvaluationReply  # noqa: PLC0415 - seconds of imports
    from bot.terminal import RefreshBar  # noqa: PLC0415
    from core.trial import Tried, try_folders  # noqa: PLC0415

    tried: Tried | None = None
    with RefreshBar(console) as bar:
        async with aclosing(try_folders(settings, questions, folders, console.print)) as news:
            async for item in news:
                if isinstance(item, Tried):
                    tried = item
                else:
                    bar.show(item)
    if tried is None or not tried.outcomes:
        raise InputError(
            f"No question of {questions} names a page below the folders; nothing was measured. Pages are named by "
            "their path below the folder."
        )
    left_out = tried.asked - len(tried.outcomes)
    version = tried.version
    good(
        f"{len(tried.outcomes)} questions over {version.documents:,} pages ({version.passages:,} passages, built in "
        f"{version.seconds:.0f} s)."
        + (f" Left out, since no page that answers them is there: {left_out}." if left_out else "")
        + (f" Pages that could not be read: {tried.problems}." if tried.problems else ""),
        console,
    )
    return EvaluationReply.of(version, tried.outcomes).model_dump(mode="json")


def _sent(version: str | None, compare: str | None) -> dict[str, str]:
    return {name: value for name, value in (("version", version), ("compare", compare)) if value}


def _write(target: Path, outcomes: list[dict[str, Any]]) -> None:
    lines = (json.dumps({"id": outcome["id"], "pages": outcome["pages"]}) + "\n" for outcome in outcomes)
    try:
        target.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror or error}.") from error
    good(f"The pages found for each question are in {target}.", console)


def _call(settings: Settings, method: str, path: str, **options: Any) -> Any:
    async def call() -> Any:
        async with api(settings) as service:
            return await service.call(method, path, **options)

    return asyncio.run(call())
