"""The latest refreshes: who asked, how each ended and why."""

from nicegui import ui

from admin.components.moments import count, moment, span
from admin.theme import section
from core.domain.knowledge import RefreshRun, RunStatus

BADGES = {
    RunStatus.PROMOTED: "good",
    RunStatus.UPDATED: "good",
    RunStatus.STAGED: "warn",
    RunStatus.FAILED: "bad",
}


def runs_view(runs: list[RefreshRun]) -> None:
    """One entry a refresh; nothing before the first."""
    if not runs:
        return
    with section("Latest refreshes"), ui.element("div").classes("rows"):
        for run in runs:
            _run(run)


def _run(run: RefreshRun) -> None:
    with ui.element("div").classes("entry"):
        with ui.element("div").classes("row-head"):
            ui.label(moment(run.started_at)).classes("row-title")
            ui.label(run.status.value.capitalize()).classes(f"badge {BADGES.get(run.status, '')}")
        with ui.element("div").classes("facts"):
            ui.label(f"asked by {run.trigger}")
            if run.finished_at:
                ui.label(f"took {span((run.finished_at - run.started_at).total_seconds() * 1000)}")
            if run.problems:
                ui.link(count(run.problems, "problem"), "/sources")
        if run.reason:
            ui.label(run.reason).classes("reason")
