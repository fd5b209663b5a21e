"""Makes up a month of conversations: who asks what, where and when, and what becomes of it. Pure.

Comes in: a `Script`, a seed and the moment at which the month ends. Goes out: `DemoSession`s, the same for the same
three. Called by `core.operations.demo`.
"""

import json
import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256

from core.answering.grounding.citations import NOT_COVERED_TEXT, QUOTE_LENGTH
from core.answering.turns.turn import STOPPED
from core.domain.channels import Verdict
from core.domain.conversation import (
    Answer,
    Citation,
    Mode,
    ModelCall,
    Note,
    SessionKey,
    Status,
    ToolCall,
    Trace,
)
from core.domain.demo import DEMO, DemoSession, DemoTurn, DemoVerdict
from core.domain.tally import DAY, day_of
from core.operations.demo_script import DemoChannel, Missing, Script, Section, follow_up

DAYS = 30
WORKDAY, WEEKEND = 26, 6
"""Conversations a day, about."""

GROWTH = 0.5
"""How much more is asked at the end of the month than at its beginning."""

BUSY = (0, 0, 0, 0, 0, 1, 3, 7, 11, 12, 10, 7, 8, 11, 11, 9, 6, 3, 2, 2, 1, 1, 0, 0)
"""How much is asked in each hour of a day (UTC)."""

WEEK, WEDNESDAY = timedelta(days=7), 2
BAD_HOURS = range(13, 15)
"""In them the language model was down, on a Wednesday a week or more before the end."""

GOES_ON = 0.38
UNCOVERED, FAILED, BADLY_FAILED, GIVEN_UP = 0.17, 0.008, 0.6, 0.012
JUDGED, HELPFUL, CALLED = 0.3, 0.8, 0.015
JUDGED_UNCOVERED, CALLED_UNCOVERED = 0.2, 0.13
USES_A_TOOL = 0.2

MODEL = "openai/gpt-4o-mini"
PRICE_IN, PRICE_OUT = 0.15, 0.60
"""Micro-dollars a token."""


class MonthWriter:
    """Writes one month."""

    def __init__(self, script: Script, seed: int, end: datetime, address: str) -> None:
        self._script = script
        self._chance = random.Random(seed)  # noqa: S311 - a story, not a secret
        self._end = end
        self._address = address
        self._bad_day = next(day for day in _days_back(day_of(end) - WEEK) if day.weekday() == WEDNESDAY)

    def sessions(self) -> list[DemoSession]:
        """All conversations of the month, in the order of their beginning."""
        found = [self._session(begin) for begin in sorted(self._beginnings())]
        return [session for session in found if session.turns]

    def _beginnings(self) -> Iterator[datetime]:
        first = day_of(self._end) - (DAYS - 1) * DAY
        for number in range(DAYS):
            day = first + number * DAY
            usual = WEEKEND if day.weekday() >= 5 else WORKDAY  # noqa: PLR2004 - from Saturday on
            grown = usual * (1 - GROWTH / 2 + GROWTH * number / DAYS)
            for _ in range(round(self._chance.gauss(grown, math.sqrt(grown)))):
                [hour] = self._chance.choices(range(24), BUSY)
                moment = day + timedelta(hours=hour, seconds=self._chance.uniform(0, 3600))
                if moment < self._end:
                    yield moment

    def _session(self, begin: datetime) -> DemoSession:
        [channel] = self._chance.choices(self._script.channels, [channel.weight for channel in self._script.channels])
        asker = self._person(channel.platform)
        key = SessionKey(channel.platform, DEMO, channel.channel, self._thread(channel, begin))
        turns: list[DemoTurn] = []
        at, section = begin, None
        while at < self._end:
            turn, section = self._turn(at, asker, channel, section)
            turns.append(turn)
            if section is None or self._chance.random() > GOES_ON:
                break
            at += timedelta(seconds=self._chance.uniform(60, 600))
        return DemoSession(key, tuple(turns))

    def _person(self, platform: str) -> str:
        """Somebody; the first ask more than the last."""
        everybody = range(1, self._script.people[platform] + 1)
        [number] = self._chance.choices(everybody, [1 / (rank + 2) for rank in everybody])
        return f"demo-{platform}-person-{number:02}"

    def _thread(self, channel: DemoChannel, begin: datetime) -> str:
        number = self._chance.randrange(10**6)
        return (
            f"{begin.timestamp():.0f}.{number:06}"
            if channel.platform == "slack"
            else f"{begin:%Y%m%d%H%M%S}{number:06}"
        )

    def _turn(
        self, at: datetime, asker: str, channel: DemoChannel, before: Section | None
    ) -> tuple[DemoTurn, Section | None]:
        """A question with its end, and the section that answered it, for whoever asks on."""
        mode = Mode.CREW if self._chance.random() < channel.crew else Mode.AGENT
        if before is None and self._chance.random() < UNCOVERED:
            return self._uncovered(at, asker, mode), None
        if before is None:
            known = self._chance.choice(self._script.answerable)
            text, section = known.question, known.section
        else:
            section = self._chance.choice(self._script.further[before.page.path])
            text = follow_up(section)
        if self._chance.random() < (BADLY_FAILED if self._is_bad(at) else FAILED):
            note = self._chance.choice(self._script.failures)
            return DemoTurn(at, asker, text, mode, Status.FAILED, note), None
        if self._chance.random() < GIVEN_UP:
            return DemoTurn(at, asker, text, mode, Status.STOPPED, STOPPED), None
        answer = self._answer(text, section, mode, slow=self._is_bad(at))
        verdict = self._verdict(asker, HELPFUL) if self._chance.random() < JUDGED else None
        called = asker if self._chance.random() < CALLED else ""
        return DemoTurn(at, asker, text, mode, answer=answer, verdict=verdict, called=called), section

    def _uncovered(self, at: datetime, asker: str, mode: Mode) -> DemoTurn:
        past = 1 - (self._end - at) / (DAYS * DAY)
        [topic] = self._chance.choices(self._script.missing, [_weight(topic, past) for topic in self._script.missing])
        text = self._chance.choice(topic.questions)
        near = [self._chance.choice(self._script.answerable).section for _ in range(2)]
        cited = tuple(self._citation(n, section, self._chance.uniform(0.08, 0.3)) for n, section in enumerate(near, 1))
        answer = self._told(Answer(NOT_COVERED_TEXT, cited, covered=False, mode=mode, model=MODEL), text, words=8)
        verdict = self._verdict(asker, 0.1) if self._chance.random() < JUDGED_UNCOVERED else None
        called = asker if self._chance.random() < CALLED_UNCOVERED else ""
        return DemoTurn(at, asker, text, mode, answer=answer, verdict=verdict, called=called)

    def _is_bad(self, at: datetime) -> bool:
        return day_of(at) == self._bad_day and at.hour in BAD_HOURS

    def _answer(self, question: str, section: Section, mode: Mode, *, slow: bool) -> Answer:
        first, _, rest = section.text.partition("\n\n")
        text = f"{first.rstrip()} [1]" if not first.startswith(("```", "|")) else f"{section.heading}: [1]\n\n{first}"
        text = f"{text}\n\n{rest}" if rest else text
        cited = (self._citation(1, section, self._chance.uniform(0.62, 0.97)),)
        answer = Answer(text, cited, self._tool_calls(question, section, mode), mode=mode, model=MODEL)
        return self._told(answer, question, words=len(text.split()), slow=slow)

    def _citation(self, number: int, section: Section, score: float) -> Citation:
        page, quote = section.page, section.text[:QUOTE_LENGTH]
        address = f"{self._address}{page.address}" if page.address.startswith("/") else page.address
        passage = sha256(f"{page.path} {quote}".encode()).hexdigest()
        return Citation(number, passage, page.title, (page.title, section.heading), address, round(score, 3), quote)

    def _tool_calls(self, question: str, section: Section, mode: Mode) -> tuple[ToolCall, ...]:
        if mode is Mode.AGENT and self._chance.random() > USES_A_TOOL:
            return ()
        found = f"[1] {section.page.title} — {section.heading}\n{section.text[:QUOTE_LENGTH]}"
        return (ToolCall("search_mlops_docs", json.dumps({"query": question}), found),)

    def _told(self, answer: Answer, question: str, *, words: int, slow: bool = False) -> Answer:
        """An answer with what it took: times, tokens and cost; the crew takes more of everything."""
        crew = answer.mode is Mode.CREW
        wait = self._chance.lognormvariate(math.log(9_000 if crew else 1_100), 0.35) * (3 if slow else 1)
        writing = words * self._chance.uniform(18, 30)
        prompts = ("researcher.v1", "writer.v1") if crew else ("agent.v1",)
        calls = tuple(self._call(prompt, words, wait / len(prompts), writing) for prompt in prompts)
        search = round(self._chance.uniform(12, 60))
        trace = Trace(
            query=question,
            calls=calls,
            notes=(Note("Researcher", f"Found in: {answer.citations[0].label}"),) if crew else (),
            timings={"search": search, "model": round(wait + writing)},
        )
        return Answer(
            **{
                name: value
                for name, value in vars(answer).items()
                if name not in {"milliseconds", "first_text", "trace"}
            },
            milliseconds=round(search + wait + writing),
            first_text=round(search + wait),
            trace=trace,
        )

    def _call(self, prompt: str, words: int, wait: float, writing: float) -> ModelCall:
        tokens_in = round(self._chance.gauss(2_600, 400))
        tokens_out = round(words * 1.4) + 20
        return ModelCall(
            prompt,
            "https://openrouter.ai/api/v1",
            MODEL,
            tokens_in,
            tokens_out,
            round(tokens_in * PRICE_IN + tokens_out * PRICE_OUT),
            round(wait),
            round(wait + writing),
        )

    def _verdict(self, asker: str, helpful: float) -> DemoVerdict:
        if self._chance.random() < helpful:
            return DemoVerdict(asker, Verdict.HELPFUL, None, self._chance.choice(self._script.helpful))
        fault, comment = self._chance.choice(self._script.not_helpful)
        return DemoVerdict(asker, Verdict.NOT_HELPFUL, fault, comment)


def _days_back(day: datetime) -> Iterator[datetime]:
    while True:
        yield day
        day -= DAY


def _weight(topic: Missing, past: float) -> float:
    """How often a topic is asked about; `past` of the month."""
    return topic.weight * (2 * past if topic.growing else 1)
