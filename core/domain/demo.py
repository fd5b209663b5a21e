"""Made-up conversations of a demo month. Everything of it is in the workspace `DEMO`. Standard library only."""

from dataclasses import dataclass
from datetime import datetime

from core.domain.channels import Fault, Verdict
from core.domain.conversation import Answer, Mode, SessionKey, Status

DEMO = "demo"
"""The workspace of made-up conversations, and of no other."""


@dataclass(frozen=True)
class DemoVerdict:
    """What a made-up person thought of an answer."""

    author: str
    verdict: Verdict
    fault: Fault | None = None
    comment: str = ""


@dataclass(frozen=True)
class DemoTurn:
    """A question and what became of it; `note` says why there is no answer, `called` is who asked for a human."""

    at: datetime
    author: str
    text: str
    mode: Mode
    status: Status = Status.DELIVERED
    note: str = ""
    answer: Answer | None = None
    verdict: DemoVerdict | None = None
    called: str = ""


@dataclass(frozen=True)
class DemoSession:
    """A conversation, its turns in the order of asking."""

    key: SessionKey
    turns: tuple[DemoTurn, ...]
