"""Two index versions side by side: what each metric gained, and the questions that fare differently."""

from typing import get_args
from urllib.parse import quote

from nicegui import ui

from admin.components.loading import load
from admin.components.moments import count, moment
from admin.components.scores import interval, outcomes_of
from admin.components.status import StatusLine
from admin.components.versions import name_of
from admin.permissions import editing
from admin.theme import empty, frame, heading, section
from core.bootstrap import Services
from core.domain.knowledge import IndexVersion
from core.errors import AssistantError, UnknownVersion
from core.knowledge.evaluation.scoring import Difference, Measure, Outcome, compare, paired_difference
from core.storage.versions import Evaluation

MEASURES = {
    "recall_at_1": "recall@1",
    "recall_at_3": "recall@3",
    "recall_at_5": "recall@5",
    "reciprocal_rank": "MRR",
    "ndcg": "nDCG@10",
    "right": "answered or refused rightly",
}

FOUND = 3
"""Pages told of those that each version found."""

Pair = tuple[IndexVersion, Evaluation]


def add_pages(services: Services) -> None:
    """Adds `/versions/{before}/{after}`."""

    @ui.page("/versions/{before}/{after}")
    async def compare_page(before: str, after: str, show: str = "") -> None:
        with frame("Compare versions", "Evaluation"):
            ui.link("← Evaluation", "/evaluation").classes("back")
            await load(_compare(services, before, after, show))


async def _compare(services: Services, before: str, after: str, show: str) -> None:
    try:
        first, second = await services.versions.get(before), await services.versions.get(after)
    except UnknownVersion:
        ui.context.client.status_code = 404
        empty("Nothing to compare", "A version is gone. Go back to those that are kept.")
        return
    old, new = [await services.versions.evaluation(version.id) for version in (first, second)]
    if old is None or new is None or old.questions != new.questions:
        empty("Nothing to compare yet", "They were not asked the same questions. Evaluate both.")
        Remeasure(services, first, second).show()
        return
    _show((first, old), (second, new), show)


class Remeasure:
    """The button that asks two versions the questions as they are now."""

    def __init__(self, services: Services, *versions: IndexVersion) -> None:
        self._services = services
        self._versions = versions

    def show(self) -> None:
        """Builds it."""
        self._button = ui.button("Evaluate both", icon="speed", on_click=self.run).props("unelevated no-caps")
        self._button.classes("more")
        self._status = StatusLine()

    @editing
    async def run(self) -> None:
        """Measures both, then shows how they compare."""
        self._button.props("loading")
        self._status.say("Asking both the golden questions …")
        try:
            for version in self._versions:
                await self._services.evaluator.evaluate(version)
        except AssistantError as error:
            self._status.fail(error.said)
            self._button.props(remove="loading")
        else:
            ui.navigate.to("/versions/{}/{}".format(*(version.id for version in self._versions)))


def _show(before: Pair, after: Pair, show: str) -> None:
    heading(
        f"{name_of(after[0])} against {before[0].id[-8:]}",
        f"{name_of(before[0])} is {before[0].stage.value}, measured {moment(before[1].created_at)}; "
        f"{name_of(after[0])} is {after[0].stage.value}, measured {moment(after[1].created_at)}.",
    )
    old, new = outcomes_of(before[1]), outcomes_of(after[1])
    with section("Gain, question by question"):
        _gains(old, new)
    differences = compare(old, new)
    with section("Questions that fare differently"):
        if not differences:
            ui.label(f"None of {count(len(new), 'question')}: both find and refuse alike.").classes("muted")
            return
        better = [difference for difference in differences if difference.change > 0]
        worse = [difference for difference in differences if difference.change < 0]
        here = f"/versions/{before[0].id}/{after[0].id}"
        with ui.element("div").classes("facts"):
            ui.link(f"{len(differences)} of {count(len(new), 'question')}", here)
            ui.link(f"{len(worse)} worse", f"{here}?show=worse")
            ui.link(f"{len(better)} better", f"{here}?show=better")
        chosen = {"worse": worse, "better": better[::-1]}.get(show, differences)
        if not chosen:
            ui.label(f"No question fares {show}.").classes("muted")
            return
        with ui.element("div").classes("rows"):
            for difference in chosen:
                _difference(difference)


def _gains(old: list[Outcome], new: list[Outcome]) -> None:
    with ui.element("div").classes("metrics wide-metrics"):
        for measure in get_args(Measure):
            gain = paired_difference(old, new, measure)
            if gain is None:
                continue
            sure = "" if gain.low <= 0 <= gain.high else ("good" if gain.value > 0 else "bad")
            with ui.element("div").classes("metric"):
                ui.label(MEASURES[measure]).classes("muted small")
                ui.label(f"{gain.value:+.3f}").classes(f"metric-value {sure}")
                ui.label(interval(gain)).classes("muted small")
    ui.label("With 95% intervals; coloured where it is more than chance.").classes("muted small")


def _difference(difference: Difference) -> None:
    change = difference.change
    word, badge = ("Better", "good") if change > 0 else ("Worse", "bad") if change < 0 else ("Other", "")
    with ui.element("div").classes("entry"):
        with ui.element("div").classes("row-head"):
            ui.label(difference.after.question).classes("row-title")
            ui.label(word).classes(f"badge {badge}")
        with ui.element("div").classes("facts"):
            ui.label(f"before: {_fate(difference.before)}")
            ui.label(f"after: {_fate(difference.after)}")
        for what, outcome in (("Found before", difference.before), ("Found after", difference.after)):
            with ui.element("div").classes("facts"):
                ui.label(what)
                for page in outcome.pages[:FOUND]:
                    ui.link(page, f"/knowledge/{quote(page)}").classes("address")


def _fate(outcome: Outcome) -> str:
    done = "answered" if outcome.covered else "refused"
    if not outcome.answerable:
        return done
    rank = f"right page at {outcome.rank}" if outcome.rank else "right page not found"
    return f"{done}, {rank}"
