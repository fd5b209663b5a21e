"""Golden questions: what people ask, with the pages that answer it. Standard library only."""

from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """How a golden question came here."""

    SHIPPED = "shipped"
    SESSION = "session"
    IMPORT = "import"
    TYPED = "typed"


@dataclass(frozen=True)
class GoldenQuestion:
    """A question whose answer is known. No `gold` page: it cannot be answered from the pages.

    `need` is "any" when each gold page answers it alone, "all" when it takes all of them together. `answer_facts` are
    words that a right answer contains, `style` how it is asked. One that is not `enabled` is kept and not asked.
    """

    id: str
    question: str
    gold: tuple[str, ...]
    need: str = "any"
    answer_facts: tuple[str, ...] = ()
    style: str = ""
    origin: Origin = Origin.SHIPPED
    enabled: bool = True


@dataclass(frozen=True)
class GoldenFilter:
    """Which golden questions are looked for; what is empty or None is not looked at.

    `words` stand in the question, its id or the path of a page; `covered` is whether a page answers it.
    """

    words: str = ""
    style: str = ""
    origin: str = ""
    covered: bool | None = None
