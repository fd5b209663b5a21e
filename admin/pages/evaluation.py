"""How well the index answers questions whose answers are known: what is asked, what was measured, one run in full."""

from urllib.parse import quote, urlencode

from nicegui import ui

from admin.addresses import show_address
from admin.components.evaluations import Evaluations
from admin.components.golden_list import GoldenList, Wanted
from admin.components.loading import load
from admin.components.moments import count, moment
from admin.components.scores import metrics_view, outcomes_of
from admin.theme import empty, frame, heading, section
from core.bootstrap import Services
from core.knowledge.evaluation.scoring import SHOWN, Outcome, Scores
from core.knowledge.evaluation.weak import weak
from core.storage.versions import Evaluation

FOUND = 3
"""Pages told of those that were found."""


def add_pages(services: Services) -> None:
    """Adds `/evaluation` and `/evaluation/runs/{id}`."""

    @ui.page("/evaluation")
    async def evaluation_page(q: str = "", kind: str = "", origin: str = "") -> None:
        wanted = Wanted(q, kind, origin)

        def moved() -> None:
            query = {name: value for name, value in vars(wanted).items() if value}
            show_address(f"/evaluation{'?' if query else ''}{urlencode(query)}")

        with frame("Evaluation", "Evaluation"):
            heading("Evaluation", "Questions whose answers are known, and how well each index version finds them.")
            await load(_all(services, GoldenList(services, wanted, moved)))

    @ui.page("/evaluation/runs/{run_id}")
    async def run_page(run_id: str, show: str = "") -> None:
        with frame("Run", "Evaluation"):
            ui.link("← Evaluation", "/evaluation").classes("back")
            await load(_run(services, run_id, every=show == "all"))


async def _all(services: Services, golden: GoldenList) -> None:
    evaluations = Evaluations(services)
    with section("Runs"):
        await evaluations.show()
    with section("Golden questions"):
        await golden.show()
    evaluations.watch()


async def _run(services: Services, run_id: str, *, every: bool) -> None:
    run = await services.measurements.get(run_id)
    if run is None:
        ui.context.client.status_code = 404
        empty("No such run", "It may have been forgotten since. Go back to those that are kept.")
        return
    _show(run, every=every)


def _show(run: Evaluation, *, every: bool) -> None:
    outcomes = outcomes_of(run)
    flawed = weak(outcomes)
    heading(
        f"Version {run.version_id[-8:]} over {count(len(outcomes), 'question')}",
        f"Measured {moment(run.created_at)} at revision {run.revision}.",
    )
    with ui.element("div").classes("wide-metrics"):
        metrics_view(Scores.from_dict(run.scores), SHOWN)
    with section("All questions" if every else "Worst questions"):
        with ui.element("div").classes("section-foot"):
            ui.label(f"{len(flawed)} of {count(len(outcomes), 'question')} leave something to mend.").classes("muted")
            here = f"/evaluation/runs/{run.id}"
            ui.link("Only the worst" if every else "All questions", here if every else f"{here}?show=all")
        good = [outcome for outcome in outcomes if outcome not in flawed] if every else []
        if flawed or good:
            with ui.element("div").classes("rows"):
                for outcome in [*flawed, *good]:
                    _outcome(outcome, run.version_id)
        else:
            empty("Nothing to mend", "Every question was answered or refused rightly, its pages found first.")


def _outcome(outcome: Outcome, version: str) -> None:
    with ui.element("div").classes("entry"):
        with ui.element("div").classes("row-head"):
            ui.label(outcome.question).classes("row-title clamped")
            word, badge = _verdict(outcome)
            ui.label(word).classes(f"badge {badge}")
        with ui.element("div").classes("facts"):
            ui.label(f"score {outcome.score:.2f}")
            if outcome.answerable:
                ui.label(f"right page at {outcome.rank}" if outcome.rank else "right page not found")
            ui.link("Search lab", f"/knowledge/search?{urlencode({'q': outcome.question, 'version': version})}")
        _pages("Expected", outcome.gold)
        _pages("Found", outcome.pages[:FOUND])


def _verdict(outcome: Outcome) -> tuple[str, str]:
    if not outcome.right:
        return ("Refused wrongly" if outcome.answerable else "Answered wrongly"), "bad"
    if outcome.answerable and outcome.ndcg < 1:
        return ("Found late" if outcome.rank else "Not found"), "warn"
    return ("Answered" if outcome.answerable else "Refused"), "good"


def _pages(what: str, pages: tuple[str, ...]) -> None:
    if not pages:
        return
    with ui.element("div").classes("facts"):
        ui.label(what)
        for page in pages:
            ui.link(page, f"/knowledge/{quote(page)}").classes("address")
