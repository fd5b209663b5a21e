"""The figures of the overview: what each is called, how it is said, and when more of it is good.

Comes in: `Figures`. Goes out: words and numbers. Pure; used by tiles, charts and tables.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from admin.components.moments import span
from core.domain.tally import Figures, Period

Number = float | None

DOLLAR = 1_000_000
MILLION, THOUSAND = 1_000_000, 1_000

BEFORE = {Period.DAY: "the 24 hours before", Period.WEEK: "the 7 days before", Period.MONTH: "the 30 days before"}


@dataclass(frozen=True)
class Measure:
    """One figure: its `value` and what is told beside it; `compared` is what changes, in percent or in points.

    `series` are the lines of its chart, by name. `good` is 1 when more is better, -1 when less is, 0 when neither.
    `leads` is the page on which one sees what was counted.
    """

    title: str
    value: Callable[[Figures], str]
    compared: Callable[[Figures], Number]
    series: dict[str, Callable[[Figures], Number]]
    beside: Callable[[Figures], str] = lambda _: ""
    points: bool = False
    good: int = 0
    leads: str = ""

    def change(self, now: Figures, before: Figures) -> tuple[str, int]:
        """How it differs from the period before, and whether that is good (1), bad (-1) or neither."""
        new, old = self.compared(now), self.compared(before)
        if new is None or old is None or (not self.points and not old):
            return "", 0
        difference = (new - old) * 100 if self.points else (new - old) / old * 100
        if not round(difference):
            return "unchanged", 0
        return _difference(round(difference), in_points=self.points), self.good if difference > 0 else -self.good


def _difference(number: int, *, in_points: bool) -> str:
    """A difference with its sign, such as `+12%` or `−1 point`."""  # noqa: RUF002 - a real minus
    unit = f" point{'' if abs(number) == 1 else 's'}" if in_points else "%"
    return f"{number:+,}{unit}".replace("-", "−")  # noqa: RUF001 - likewise


def _count(name: str) -> dict[str, Callable[[Figures], Number]]:
    return {"": lambda figures: getattr(figures, name)}


def _share_of_questions(name: str) -> Callable[[Figures], Number]:
    return lambda figures: _share(getattr(figures, name), figures.questions)


def _share(part: int, whole: int) -> Number:
    return part / whole if whole else None


def _helpful(figures: Figures) -> Number:
    return _share(figures.helpful, figures.helpful + figures.unhelpful)


def _in_percent(share: Number) -> str:
    return "–" if share is None else f"{share:.0%}"  # noqa: RUF001 - a dash stands for nothing


def _of_questions(name: str) -> Callable[[Figures], str]:
    return lambda figures: (
        f"{_in_percent(_share_of_questions(name)(figures))} of questions" if figures.questions else ""
    )


def _counted(title: str, name: str, good: int, leads: str = "") -> Measure:
    """Questions that ended in a certain way; what is compared is their share."""
    return Measure(
        title,
        lambda figures: f"{getattr(figures, name):,}",
        _share_of_questions(name),
        _count(name),
        _of_questions(name),
        points=True,
        good=good,
        leads=leads,
    )


def _timed(title: str, name: str) -> Measure:
    def time(which: str) -> Callable[[Figures], Number]:
        return lambda figures: getattr(figures, f"{name}_{which}")

    return Measure(
        title,
        lambda figures: _in_time(time("p50")(figures)),
        time("p50"),
        {"median": time("p50"), "p95": time("p95")},
        lambda figures: f"95% within {_in_time(time('p95')(figures))}" if figures.whole_p50 else "",
        good=-1,
    )


def _in_time(milliseconds: Number) -> str:
    return "–" if milliseconds is None else span(milliseconds)  # noqa: RUF001 - likewise


def in_short(number: float) -> str:
    """A large number in short: `812`, `41.3 K` or `2.7 M`."""
    if number < THOUSAND:
        return f"{number:,.0f}"
    return f"{number / THOUSAND:,.1f} K" if number < MILLION else f"{number / MILLION:,.1f} M"


def in_dollars(cost: float) -> str:
    """Micro-dollars as dollars; below one with as many digits as tell something."""
    dollars = cost / DOLLAR
    return f"${dollars:,.2f}" if dollars >= 1 or not dollars else f"${dollars:.4f}"


def an_answer(figures: Figures, total: int) -> Number:
    """What an answer takes of a total."""
    return _share(total, figures.answered + figures.uncovered)


def _cost_of_one(figures: Figures) -> str:
    cost = an_answer(figures, figures.cost)
    return f"{in_dollars(cost)} an answer" if cost is not None else ""


def _tokens_of_one(figures: Figures) -> str:
    tokens = an_answer(figures, figures.tokens)
    return f"{in_short(tokens)} an answer" if tokens is not None else ""


MEASURES = (
    Measure("Questions", lambda f: f"{f.questions:,}", lambda f: f.questions, _count("questions")),
    _counted("Answered", "answered", 1),
    _counted("Not covered", "uncovered", -1, "/gaps"),
    _counted("Failed", "failed", -1, "/sessions?failed=yes"),
    Measure(
        "Found helpful",
        lambda f: _in_percent(_helpful(f)),
        _helpful,
        {"helpful": lambda f: f.helpful, "not helpful": lambda f: f.unhelpful},
        lambda f: f"{f.helpful:,} helpful, {f.unhelpful:,} not",
        points=True,
        good=1,
    ),
    _counted("Asked for a human", "escalated", -1, "/sessions?escalated=yes"),
    Measure("People", lambda f: f"{f.people:,}", lambda f: f.people, _count("people")),
    _timed("Time to first text", "first_text"),
    _timed("Time to whole answer", "whole"),
    Measure("Tokens", lambda f: in_short(f.tokens), lambda f: f.tokens, _count("tokens"), _tokens_of_one),
    Measure("Cost", lambda f: in_dollars(f.cost), lambda f: f.cost, _count("cost"), _cost_of_one),
)


def when(start: datetime, period: Period) -> str:
    """What a point of a chart stands for: an hour or a day."""
    return f"{start:%H:%M}" if period is Period.DAY else f"{start.day} {start:%b}"
