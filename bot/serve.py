"""Runs everything that is on in one asyncio program: HTTP, console, Slack, Discord and the worker.

Comes in: settings. Goes out: a service that runs until it is told to stop. Called by the command `serve`.
"""

import asyncio
import logging
import math
import signal
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Protocol

import uvicorn
from fastapi import FastAPI
from rich.console import Console
from rich.markup import escape

from admin.auth import ConsoleAccess, console_access
from admin.mount import mount_console
from bot.http.app import create_app, create_watch_app
from bot.terminal import show_refresh
from core.bootstrap import Services, open_services, prepare, settle
from core.errors import AssistantError, ConfigurationError, IndexMissing
from core.operations.ownership import own_folder
from core.operations.preflight import check_clock, preflight
from core.settings import Settings

_log = logging.getLogger(__name__)


class Channel(Protocol):
    """What Slack and Discord have in common."""

    async def start(self) -> None:
        """Connects. Raises ChannelError when the platform refuses us."""
        ...

    async def stop(self) -> None:
        """Disconnects."""
        ...

    async def check(self) -> str:
        """The state of the connection; raises when it is down."""
        ...


def serve(settings: Settings, console: Console) -> None:
    """Prepares VAR_DIR, then runs until SIGINT or SIGTERM. Raises AssistantError when it cannot start."""
    if "http" in settings.roles:
        check_port(settings)
    with own_folder(settings, address=settings.local_address if "http" in settings.roles else None):
        if clock := asyncio.run(_checked(settings)):
            console.print(f"[yellow]![/] {escape(clock)}", highlight=False, soft_wrap=True)
        prepare(settings, console.print)
        access = console_access(settings)
        asyncio.run(_run(settings, access, console))


async def _checked(settings: Settings) -> str | None:
    """Raises AssistantError for what keeps us from starting; gives a sentence on a clock that is off."""
    await preflight(settings)
    return await check_clock(settings)


def check_port(settings: Settings) -> None:
    """Raises ConfigurationError when something else listens where we are to listen."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ConfigurationError(
                f"Port {settings.port} on {settings.host} cannot be used ({error.strerror}). "
                "Stop what listens there, or set another PORT."
            ) from error


async def _run(settings: Settings, access: ConsoleAccess, console: Console) -> None:
    works = "worker" in settings.roles
    async with (
        open_services(settings, durable=settings.durable_turns) as services,
        services.worker.beside(works=works),
    ):
        await _first_index(services, console)
        channels = _channels(services)
        serves = "http" in settings.roles
        app = create_app(services) if serves else create_watch_app(services)
        if serves:
            mount_console(app, services, access)
            _mount_slack(app, channels)
        listening = asyncio.Event()
        running = asyncio.create_task(_run_until_told(app, settings, listening, services.answering.drain))
        starting = asyncio.create_task(_start(services, channels, listening, console))
        _greet(settings, access, console)
        try:
            await asyncio.wait({running, starting}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
            await running
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await asyncio.gather(*(channel.stop() for channel in channels.values()))
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def _first_index(services: Services, console: Console) -> None:
    """Builds the index before anything is served when there is none; reads it otherwise."""
    try:
        await services.retriever.check()
    except IndexMissing:
        if services.refresher.shared and "worker" not in services.settings.roles:
            console.print("There is no index yet: waiting for the process with the role `worker` to build it.")
        await show_refresh(services.refresher.refresh("start"), console)


async def _start(services: Services, channels: dict[str, Channel], listening: asyncio.Event, console: Console) -> None:
    """Once HTTP answers: connects the channels, loads the engines, and looks whether the pages have changed."""
    await listening.wait()
    for name, channel in channels.items():
        services.health.add(name, channel.check)
        await channel.start()
        console.print(f"[green]✓[/] {name.capitalize()}: {await _state(channel)}")
    await services.answering.warm_up()
    settle()
    works, shared = "worker" in services.settings.roles, services.refresher.shared
    if works and not shared:  # otherwise the worker on duty starts it
        services.schedule.start()
    if shared and not works:
        return
    try:
        await services.refresher.finished("start")
    except AssistantError as error:
        _log.error("the refresh at start failed: %s", error)


async def _state(channel: Channel) -> str:
    try:
        return await channel.check()
    except AssistantError as error:
        return error.said


def _channels(services: Services) -> dict[str, Channel]:
    """The channels whose token is there and whose role this process has; each is imported only then."""
    settings = services.settings
    chat = (services.answering, services.presence, services.aftercare, services.errands)
    channels: dict[str, Channel] = {}
    if settings.speaks_slack and "slack" in settings.roles:
        from bot.slack.app import SlackChannel  # noqa: PLC0415

        channels["slack"] = SlackChannel(settings, *chat)
    if settings.discord_bot_token and "discord" in settings.roles:
        from bot.discord.client import DiscordChannel  # noqa: PLC0415

        channels["discord"] = DiscordChannel(settings, *chat)
    return channels


def _mount_slack(app: FastAPI, channels: dict[str, Channel]) -> None:
    slack = channels.get("slack")
    if endpoint := getattr(slack, "http_endpoint", None):
        app.add_api_route("/slack/events", endpoint.handle, methods=["POST"], include_in_schema=False)
    if install := getattr(slack, "install_endpoint", None):
        for path in ("/slack/install", "/slack/oauth_redirect"):
            app.add_api_route(path, install.handle, methods=["GET"], include_in_schema=False)


async def _run_until_told(
    app: FastAPI, settings: Settings, listening: asyncio.Event, drain: Callable[[float], Awaitable[None]]
) -> None:
    """Serves HTTP, or merely waits when nobody is to be answered, until SIGINT or SIGTERM; then drains."""
    told = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, told.set)
    port = settings.port if "http" in settings.roles else settings.metrics_port
    if port is None:
        listening.set()
        await told.wait()
        await drain(settings.stop_seconds)
        return
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.stop_seconds) + 1,
    )
    server = _Server(config, listening)
    serving, waiting = asyncio.create_task(server.serve()), asyncio.create_task(told.wait())
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        server.should_exit = True
        await asyncio.gather(drain(settings.stop_seconds), serving)


class _Server(uvicorn.Server):
    """Uvicorn, which tells when it listens and leaves signals to us: its own way ends the process before we tidy up."""

    def __init__(self, config: uvicorn.Config, listening: asyncio.Event) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _greet(settings: Settings, access: ConsoleAccess, console: Console) -> None:
    if "http" not in settings.roles:
        return
    lines = [f"[green]✓[/] Console: [bold]{settings.address}/admin[/]"]
    if access.generated:
        lines.append(f"  Password: [bold]{access.generated}[/]  (shown this once; ADMIN_PASSWORD sets another)")
    lines.append(f"[green]✓[/] API:     {settings.address}/docs")
    if settings.model_endpoint is None:
        lines.append("  No language model is set up: answers are quoted. OPENROUTER_API_KEY or LLM_BASE_URL sets one.")
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
