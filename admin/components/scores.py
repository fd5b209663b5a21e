"""How well an index version finds, in a few figures with their 95% intervals.

Comes in: an evaluation as it is stored. Goes out: figures for a list, outcomes for a comparison.
"""

from collections.abc import Mapping
from dataclasses import replace

from nicegui import ui

from core.domain.knowledge import IndexVersion
from core.knowledge.evaluation.scoring import Metric, Outcome, Scores
from core.storage.versions import Evaluation

SHOWN = {"recall_at_3": "recall@3", "ndcg": "nDCG@10", "refusal_f1": "refusal F1"}
"""The metrics that a list has room for."""


def scores_view(version: IndexVersion, evaluation: Evaluation | None) -> None:
    """The figures of a version's latest evaluation, or that there is none."""
    if evaluation is None:
        ui.label("Not evaluated yet").classes("muted small")
        return
    metrics_view(Scores.from_dict(evaluation.scores))
    if evaluation.revision != version.revision:
        ui.label(f"Measured at revision {evaluation.revision}, before the latest changes.").classes("muted small")


def metrics_view(scores: Scores, shown: Mapping[str, str] = SHOWN) -> None:
    """Those of the metrics that were measured; `shown` gives their names by field."""
    with ui.element("div").classes("metrics"):
        for field, name in shown.items():
            metric: Metric | None = getattr(scores, field)
            if metric:
                _metric(name, metric)


def outcomes_of(evaluation: Evaluation) -> list[Outcome]:
    """The outcomes a question that an evaluation stored."""
    outcomes = [Outcome(**stored) for stored in evaluation.outcomes]
    return [replace(outcome, pages=tuple(outcome.pages), gold=tuple(outcome.gold)) for outcome in outcomes]


def _metric(name: str, metric: Metric) -> None:
    said = f"{name}: {metric.value:.3f} over {metric.count} questions; 95% interval {interval(metric)}"
    with ui.element("div").classes("metric").props(f'title="{said}" tabindex=0'):
        ui.label(name).classes("muted small")
        with ui.element("div").classes("metric-figures"):
            ui.label(f"{metric.value:.2f}").classes("metric-value")
            ui.label(interval(metric)).classes("muted small")


def interval(metric: Metric) -> str:
    """The bounds, such as `0.86 to 0.97`."""
    return f"{metric.low:.2f} to {metric.high:.2f}"
