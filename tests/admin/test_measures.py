"""How figures are said: in short, with what changed, and whether that is good."""

import pytest

from admin.components.measures import MEASURES, in_dollars, in_short
from core.domain.tally import Figures

BY_TITLE = {measure.title: measure for measure in MEASURES}


@pytest.mark.parametrize(
    ("title", "now", "before", "said"),
    [
        ("Questions", Figures(questions=112), Figures(questions=100), ("+12%", 0)),
        ("Questions", Figures(questions=5), Figures(), ("", 0)),
        ("Questions", Figures(questions=1_000), Figures(questions=1_001), ("unchanged", 0)),
        ("Answered", Figures(questions=10, answered=9), Figures(questions=10, answered=8), ("+10 points", 1)),
        ("Failed", Figures(questions=100, failed=2), Figures(questions=100, failed=1), ("+1 point", -1)),
        ("Failed", Figures(questions=100), Figures(questions=100, failed=3), ("−3 points", 1)),  # noqa: RUF001
        ("Found helpful", Figures(helpful=1), Figures(), ("", 0)),
        ("Time to first text", Figures(first_text_p50=1_500), Figures(first_text_p50=1_000), ("+50%", -1)),
        ("Time to first text", Figures(), Figures(first_text_p50=1_000), ("", 0)),
        ("Cost", Figures(cost=50), Figures(cost=100), ("−50%", 0)),  # noqa: RUF001
    ],
)
def test_change_against_the_period_before(title: str, now: Figures, before: Figures, said: tuple[str, int]) -> None:
    assert BY_TITLE[title].change(now, before) == said


def test_nothing_is_said_of_what_was_not_there() -> None:
    assert {measure.title: measure.value(Figures()) for measure in MEASURES} == {
        **dict.fromkeys(
            ("Questions", "Answered", "Not covered", "Failed", "Asked for a human", "People", "Tokens"), "0"
        ),
        **dict.fromkeys(("Found helpful", "Time to first text", "Time to whole answer"), "–"),  # noqa: RUF001
        "Cost": "$0.00",
    }


def test_times_are_said_with_the_slowest_twentieth() -> None:
    figures = Figures(first_text_p50=900, first_text_p95=4_200, whole_p50=1, whole_p95=1)
    assert BY_TITLE["Time to first text"].value(figures) == "900 ms"
    assert BY_TITLE["Time to first text"].beside(figures) == "95% within 4.2 s"


@pytest.mark.parametrize(("number", "said"), [(812, "812"), (41_300, "41.3 K"), (2_700_000, "2.7 M")])
def test_large_numbers_are_short(number: int, said: str) -> None:
    assert in_short(number) == said


@pytest.mark.parametrize(("cost", "said"), [(0, "$0.00"), (1_234, "$0.0012"), (2_500_000, "$2.50")])
def test_small_costs_keep_digits_that_tell_something(cost: int, said: str) -> None:
    assert in_dollars(cost) == said
