"""The state of every part, measured again every few seconds while somebody looks."""

from nicegui import ui

from admin.components.moments import span
from admin.theme import frame, heading
from core.bootstrap import Services
from core.operations.health import Health, PartHealth, State

EVERY = 5.0
"""Seconds between measurements."""

WORDS = {State.UP: "Up", State.DOWN: "Down", State.OFF: "Off"}
BADGES = {State.UP: "good", State.DOWN: "bad", State.OFF: ""}


def add_pages(services: Services) -> None:
    """Adds `/health`."""

    @ui.page("/health")
    def health_page() -> None:
        with frame("Health", "Health"):
            heading("Health", f"Every part, measured every {EVERY:.0f} seconds.")
            parts = ui.element("div").classes("parts").props("aria-live=polite")
            with parts:
                ui.label("Measuring …").classes("muted")

            async def measure() -> None:
                health = await services.health.measure()
                if not parts.is_deleted:
                    parts.clear()
                    with parts:
                        _show(health)

            ui.timer(EVERY, measure)


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
