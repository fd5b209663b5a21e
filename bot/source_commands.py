"""The commands below `mlops-assistant sources`.

Comes in: what somebody typed. Goes out: a request to the API, and its reply as text. See `bot.calling`.
"""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.calling import api
from bot.starting import console, prepared_settings
from bot.tables import good, show_pages, show_sources, warn
from core.errors import InputError

app = typer.Typer(help="Where the pages come from.", no_args_is_help=True, rich_markup_mode=None)


class Kind(StrEnum):
    """How the pages of a source are found."""

    page = "page"
    sitemap = "sitemap"
    llms_txt = "llms_txt"
    git = "git"
    folder = "folder"
    upload = "upload"


Name = Annotated[str, typer.Argument(help="Name of the source.")]
KindOption = Annotated[Kind | None, typer.Option(help="Guessed from the location when left out.")]
Product = Annotated[str | None, typer.Option(help="What its pages are about, such as MLflow.")]
Ref = Annotated[str | None, typer.Option(help="Branch or tag of a git repository.")]
Folder = Annotated[str | None, typer.Option(help="Folder of the documentation in a git repository.")]
Include = Annotated[
    list[str] | None, typer.Option(help="Only pages whose address or path matches; `*` for anything. Repeat it.")
]
Internal = Annotated[bool | None, typer.Option("--internal/--public", help="Allow addresses of a private network.")]
Enabled = Annotated[bool | None, typer.Option("--enable/--disable", help="Whether refreshes look at it.")]
MaxPages = Annotated[int | None, typer.Option(min=1, help="Most pages that are read of it.")]
Schedule = Annotated[str | None, typer.Option(help="Cron fields (UTC) to read it by; '' for when all others are read.")]


@app.command("list")
def list_() -> None:
    """Show every source: how many pages it has, when it was read, and what is wrong with it."""
    show_sources(_call("GET", "/sources"), console)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Small letters, digits and hyphens.")],
    location: Annotated[list[str] | None, typer.Argument(help="Addresses, a folder, or files to upload.")] = None,
    *,
    kind: KindOption = None,
    product: Product = None,
    ref: Ref = None,
    folder: Folder = None,
    include: Include = None,
    internal: Internal = None,
    enabled: Annotated[bool | None, typer.Option("--enabled/--disabled", help="Whether refreshes look at it.")] = None,
    max_pages: MaxPages = None,
    schedule: Schedule = None,
) -> None:
    """Add a source. Its pages are fetched at the next refresh."""
    places = location or []
    files = _files(places) if kind in {None, Kind.upload} else []
    body = {
        "name": name,
        "kind": Kind.upload if files else kind,
        "location": None if files else _location(places, kind),
        **_fields(
            include,
            product=product,
            ref=ref,
            folder=folder,
            internal=internal,
            enabled=enabled,
            max_pages=max_pages,
            schedule=schedule,
        ),
    }
    added = _call("POST", "/sources", json=_sent(body))
    good(f"Source {name} of the kind {added['kind']} was added. `mlops-assistant refresh` reads its pages.", console)
    if files:
        _upload(name, files)


@app.command()
def change(
    name: Name,
    *,
    location: Annotated[list[str] | None, typer.Option(help="Another address or folder. Repeat it.")] = None,
    kind: KindOption = None,
    product: Product = None,
    ref: Ref = None,
    folder: Folder = None,
    include: Include = None,
    internal: Internal = None,
    enabled: Enabled = None,
    max_pages: MaxPages = None,
    schedule: Schedule = None,
) -> None:
    """Change what you name of a source and keep the rest. An empty --include takes the patterns away."""
    body = _sent(
        {
            "kind": kind,
            "location": _location(location, kind) if location else None,
            **_fields(
                include,
                product=product,
                ref=ref,
                folder=folder,
                internal=internal,
                enabled=enabled,
                max_pages=max_pages,
                schedule=schedule,
            ),
        }
    )
    if not body:
        raise InputError("Name something to change; `mlops-assistant sources change --help` lists what there is.")
    _call("PATCH", f"/sources/{name}", json=body)
    good(f"Source {name} was changed. It takes effect at the next `mlops-assistant refresh`.", console)


@app.command()
def remove(name: Name) -> None:
    """Remove a source. Its pages leave the index at the next refresh."""
    removed = _call("DELETE", f"/sources/{name}")
    good(f"Source {name} was removed. Its pages ({removed['pages']:,}) leave the index at the next refresh.", console)


@app.command()
def check(
    name_or_location: Annotated[str, typer.Argument(help="Name of a source, or a location to try.")],
    *,
    kind: KindOption = None,
    ref: Ref = None,
    folder: Folder = None,
    include: Include = None,
    internal: Internal = None,
) -> None:
    """Look at a source now: how many pages it lists and what its first page says. Nothing is stored."""
    if kind or any(sign in name_or_location for sign in "/.:\\"):
        fields = _fields(include, ref=ref, folder=folder, internal=internal)
        body = {"location": _location([name_or_location], kind), "kind": kind, **fields}
        found = _call("POST", "/sources/check", json=_sent(body))
    else:
        found = _call("POST", f"/sources/{name_or_location}/check")
    if not found["ok"]:
        raise InputError(found["said"])
    good(f"{found['said']} (kind: {found['kind']})", console)


@app.command()
def pages(
    name: Name,
    problems: Annotated[bool, typer.Option("--problems", help="Only pages that failed or are gone.")] = False,
) -> None:
    """Show the pages of a source, and why some could not be read."""
    found = _call("GET", f"/sources/{name}/pages", params={"limit": 100_000})
    show_pages([page for page in found if not problems or page["status"] != "live"], console)


@app.command()
def upload(
    name: Name,
    files: Annotated[list[Path], typer.Argument(help="Markdown, text, HTML, reST, PDF or notebooks, 20 MB each.")],
) -> None:
    """Upload files into a source of the kind `upload`."""
    _upload(name, files)


def _upload(name: str, files: Sequence[Path]) -> None:
    for file in files:
        if not file.is_file():
            raise InputError(f"There is no file {file}; nothing was uploaded.")
    opened = [("files", (file.name, file.read_bytes())) for file in files]
    results = _call("POST", f"/sources/{name}/upload", files=opened)["files"]
    for result in results:
        if result["read"]:
            good(f"{result['name']}: “{result['title']}”", console)
        else:
            warn(f"{result['name']}: {result['reason']}", console)
    if not any(result["read"] for result in results):
        raise InputError("No file was stored.")
    console.print("`mlops-assistant refresh` brings them into the index.", style="dim", markup=False)


def _call(method: str, path: str, **options: Any) -> Any:
    settings = prepared_settings()

    async def call() -> Any:
        async with api(settings) as service:
            return await service.call(method, path, **options)

    return asyncio.run(call())


def _fields(include: list[str] | None, **fields: Any) -> dict[str, Any]:
    """What was typed; an empty pattern stands for none at all."""
    return {**fields, "include": None if include is None else [pattern for pattern in include if pattern]}


def _sent(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _files(places: Sequence[str]) -> list[Path]:
    """The places as files, if each of them is one."""
    files = [Path(place).expanduser() for place in places]
    return files if files and all(file.is_file() for file in files) else []


def _location(places: Sequence[str], kind: Kind | None) -> str:
    """Places as the service takes them: a folder of this machine by its whole path, for it may run in another one."""
    local = [Path(place).expanduser() for place in places]
    if kind in {None, Kind.folder, Kind.git} and len(local) == 1 and local[0].is_dir():
        return str(local[0].resolve())
    return "\n".join(places)
