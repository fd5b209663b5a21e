"""The state of every part, measured again every few seconds while somebody looks, and a report for those who help."""

import asyncio

from fastapi import Response
from nicegui import app, ui

from admin.components.loading import load
from admin.components.moments import moment, span
from admin.components.stock import stock_view
from admin.theme import frame, heading, section
from core.bootstrap import Services
from core.operations.health import Health, PartHealth, State

EVERY = 5.0
"""Seconds between measurements."""

SELDOM = 30.0
"""Seconds between looks at disk and plans."""

WORDS = {State.UP: "Up", State.DOWN: "Down", State.OFF: "Off"}
BADGES = {State.UP: "good", State.DOWN: "bad", State.OFF: ""}

MENDED_AT = {
    "index": ("Re-index or roll back", "/knowledge"),
    "scheduler": ("Schedules of sources", "/sources"),
}
"""Where the console itself can mend a part."""

REPORT = "/health/report.zip"


def add_pages(services: Services) -> None:
    """Adds `/health`, and the report beside it."""

    @ui.page("/health")
    async def health_page() -> None:
        with frame("Health", "Health"):
            heading("Health", f"Every part, measured every {EVERY:.0f} seconds.")
            await load(_all(services))

    async def report() -> Response:
        archive = await services.inventory.report(await services.health.measure())
        named = {"Content-Disposition": 'attachment; filename="mlops-assistant-report.zip"'}
        return Response(archive, media_type="application/zip", headers=named)

    app.add_api_route(REPORT, report, methods=["GET"], include_in_schema=False)


async def _all(services: Services) -> None:
    parts = ui.element("div").classes("parts").props("aria-live=polite")
    stock = ui.element("div").classes("parts")
    with section("Report a fault"):
        ui.label("Health, versions, settings and the last lines of the log; no secret stands in it.")
        ui.link("Download the report", REPORT).classes("action").props("download")

    async def measure() -> None:
        health = await services.health.measure()
        if not parts.is_deleted:
            parts.clear()
            with parts:
                _show(health)

    async def take_stock() -> None:
        taken = await services.inventory.take()
        if not stock.is_deleted:
            stock.clear()
            with stock:
                stock_view(taken)

    await asyncio.gather(measure(), take_stock())
    ui.timer(EVERY, measure, immediate=False)
    ui.timer(SELDOM, take_stock, immediate=False)


def _show(health: Health) -> None:
    with ui.element("div").classes("verdict").props(f"data-ready={str(health.ready).lower()}"):
        ui.element("span").classes("dot")
        ui.label("Ready to answer" if health.ready else "Questions cannot be answered now")
    with ui.element("div").classes("rows"):
        for part in health.parts:
            _part(part)


def _part(part: PartHealth) -> None:
    with ui.element("div").classes("entry"):
        with ui.element("div").classes("row-head"):
            ui.label(part.name.capitalize()).classes("row-title")
            ui.label(WORDS[part.state]).classes(f"badge {BADGES[part.state]}")
        with ui.element("div").classes("facts"):
            if part.detail:
                ui.label(part.detail).classes("detail")
            if part.state is not State.OFF:
                ui.label(span(part.milliseconds))
            if part.needed:
                ui.label("needed")
            if part.name in MENDED_AT:
                ui.link(*MENDED_AT[part.name])
        if part.failure and part.state is State.UP:
            ui.label(f"Last down {moment(part.failure.at)}: {part.failure.said}").classes("muted small")
