"""What was measured with the golden questions: a button that measures now, the trend, and each run.

Comes in: services. Goes out: links to the runs and to the comparison of two versions.
"""

from collections.abc import Collection

from nicegui import ui

from admin.components.moments import count, moment
from admin.components.reindex import how_far
from admin.components.scores import SHOWN, metrics_view
from admin.components.status import StatusLine
from admin.components.trend import trend
from admin.components.versions import UNMEASURED, name_of
from admin.permissions import editing, may
from core.bootstrap import Services
from core.domain.knowledge import IndexVersion, Progress, Stage
from core.domain.people import Role
from core.errors import AssistantError
from core.knowledge.evaluation.scoring import Metric, Scores
from core.storage.measurements import Measured

STEP = 10
"""Runs listed at first, and added by each press of the button below them."""

CHARTED = 40

LOOK_SECONDS = 10.0
"""How often an open page looks for runs of others."""


class Evaluations:
    """Call `show` once in the page."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._limit = STEP
        self._newest = ""

    async def show(self) -> None:
        """Builds all of it."""
        versions = await self._services.versions.all()
        with ui.element("div").classes("reindex"):
            with ui.element("div").classes("reindex-head"):
                names = {version.id: _labelled(version) for version in versions}
                live = next((version.id for version in versions if version.stage is Stage.PRODUCTION), None)
                self._version = ui.select(names, label="Version", value=live).classes("field version-choice")
                self._version.props("outlined stack-label dense options-dense")
                self._run = ui.button("Evaluate now", icon="speed", on_click=self.evaluate)
                self._run.props("unelevated no-caps").set_enabled(bool(versions))
                self._run.set_visibility(may(Role.EDITOR))
            self._bar = ui.linear_progress(0, show_value=False, size="6px")
            self._bar.props('rounded aria-label="Progress of the evaluation"').set_visibility(False)
            self._status = StatusLine()
        await self._listing()

    def watch(self) -> None:
        """Looks for news from now on. To be called last: a page opens once something on it waits for the browser."""
        ui.timer(LOOK_SECONDS, self._look)

    @editing
    async def evaluate(self) -> None:
        """Asks the chosen version all golden questions, and tells how far it is."""
        self._run.disable()
        self._bar.set_visibility(True)
        try:
            version = await self._services.versions.get(str(self._version.value or ""))
            outcomes = await self._services.evaluator.evaluate(version, tell=self._tell)
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            right = sum(outcome.right for outcome in outcomes)
            said = f"{name_of(version)} answered or refused {right} of {count(len(outcomes), 'question')} rightly."
            self._status.succeed(said if outcomes else UNMEASURED)
        finally:
            if not self._status.gone:
                self._run.enable()
                self._bar.set_visibility(False)
        if not self._status.gone:
            await self._listing.refresh()

    def _tell(self, progress: Progress) -> None:
        if not self._status.gone:
            self._bar.set_value(progress.done / progress.total)
            self._status.say(how_far(progress))

    async def _look(self) -> None:
        latest = await self._services.measurements.latest(1)
        if latest and latest[0].id != self._newest:
            await self._listing.refresh()

    @ui.refreshable_method
    async def _listing(self) -> None:
        runs = await self._services.measurements.latest(max(CHARTED, self._limit + 1))
        versions = {version.id: version for version in await self._services.versions.all()}
        if not runs:
            ui.label("Nothing was measured yet. Press “Evaluate now”.").classes("muted")
            return
        self._newest = runs[0].id
        if len(runs) > 1:
            _trend(runs[:CHARTED][::-1])
        _comparison(versions.values())
        with ui.element("div").classes("rows"):
            for run in runs[: self._limit]:
                _run(run, versions.get(run.version_id))
        if len(runs) > self._limit:
            ui.button("Show more runs", on_click=self._show_more).props("flat no-caps").classes("more")

    async def _show_more(self) -> None:
        self._limit += STEP
        await self._listing.refresh()


def _trend(runs: list[Measured]) -> None:
    points = [f"{run.created_at:%d %b %H:%M}" for run in runs]
    scores = [Scores.from_dict(run.scores) for run in runs]
    trend(
        "How well questions are found over time",
        points,
        {name: _values(scores, field) for field, name in SHOWN.items()},
    )
    if len({run.questions for run in runs}) > 1:
        ui.label("The questions changed meanwhile: compare figures over the same questions only.").classes(
            "muted small"
        )


def _values(scores: list[Scores], field: str) -> list[float | None]:
    metrics: list[Metric | None] = [getattr(score, field) for score in scores]
    return [round(metric.value, 4) if metric else None for metric in metrics]


def _comparison(versions: Collection[IndexVersion]) -> None:
    """Links to the comparison of the live version with each other one that is kept."""
    live = next((version for version in versions if version.stage is Stage.PRODUCTION), None)
    if live is None:
        return
    with ui.element("div").classes("actions"):
        for other in versions:
            if other.id != live.id:
                words = f"Compare {name_of(other)} ({other.stage.value}) with the live version"
                ui.link(words, f"/versions/{live.id}/{other.id}").classes("action")


def _run(run: Measured, version: IndexVersion | None) -> None:
    with ui.element("div").classes("entry"):
        with ui.element("div").classes("row-head"):
            ui.link(moment(run.created_at), f"/evaluation/runs/{run.id}").classes("row-title")
            ui.label(version.stage.value if version else "gone").classes("badge")
        with ui.element("div").classes("facts"):
            ui.label(f"Version {run.version_id[-8:]}")
            ui.label(f"revision {run.revision}")
            ui.label(f"questions {run.questions[:6]}").props('title="Runs of the same mark asked the same questions"')
        metrics_view(Scores.from_dict(run.scores))


def _labelled(version: IndexVersion) -> str:
    return f"{name_of(version)}, {version.stage.value}"
