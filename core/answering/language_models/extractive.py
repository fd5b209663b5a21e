"""The language model that needs no key: it quotes the passages that fit best and says why it does so.

Comes in: messages with a framed question and passages. Goes out: Markdown with citations, or NOT_COVERED; for the
crew's researcher, the passages as they are. It is asked when no endpoint is set up, and when none may be asked.
"""

import re
from collections.abc import AsyncGenerator, Sequence

from langchain_core.messages import AnyMessage, HumanMessage
from pydantic import BaseModel

from core.answering.bill import Bill, unbilled
from core.answering.language_models.model import Delta, Reply
from core.answering.prompts import NOT_COVERED, frame, read_passages
from core.domain.conversation import ModelCall
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE

NAME = "extractive"
NONE_SET_UP = "No language model is set up"

_FENCE = "```"


def extract(prompt: str, reason: str = NONE_SET_UP) -> str:
    """The best passage of a prompt that is about the question, quoted for a reason; NOT_COVERED when none is.

    The next one that is about it is quoted too when it brings the example that the best one lacks.
    """
    about = [passage for passage in read_passages(prompt) if passage[1] >= SUPPORTING_SCORE]
    if not about:
        return NOT_COVERED
    best, rest = about[0], about[1:]
    examples = [passage for passage in rest if _FENCE in passage[3] and _FENCE not in best[3]]
    quotes = (f"**{title}** [{number}]\n\n{text}" for number, _, title, text in [best, *examples[:1]])
    return "\n\n".join([opening(reason), *quotes])


def opening(reason: str) -> str:
    """The sentence that quotes begin with."""
    return f"{reason.rstrip(' .')}, so this is quoted from the knowledge base:"


def research_notes(prompt: str) -> str:
    """What is handed from the researcher to the writer: the passages as they are."""
    notes = [frame(number, score, title, text) for number, score, title, text in read_passages(prompt)]
    return "\n".join(notes) or NOT_COVERED


class ExtractiveModel:
    """Quotes. It calls no tools: the passages were searched before it is asked."""

    def __init__(self, reason: str = NONE_SET_UP) -> None:
        self._reason = reason

    @property
    def name(self) -> str:
        """The name under which quoted answers are stored."""
        return NAME

    async def stream(
        self,
        messages: Sequence[AnyMessage],
        *,
        prompt: str,
        tools: Sequence[type[BaseModel]] = (),  # noqa: ARG002 - of no use to it
        bill: Bill = unbilled,  # noqa: ARG002 - it costs nothing
    ) -> AsyncGenerator[Delta | Reply]:
        """As `LanguageModel.stream`; it never fails."""
        if prompt.startswith("researcher."):
            text = research_notes(_texts(messages))
        else:
            text = extract(_texts(_since_asked(messages)), self._reason)
        for piece in _pieces(text):
            yield Delta(piece)
        note = f"{self._reason.rstrip(' .')}." if text == NOT_COVERED and self._reason != NONE_SET_UP else ""
        yield Reply(text, (), ModelCall(prompt, endpoint="", model=NAME), note)


def _since_asked(messages: Sequence[AnyMessage]) -> Sequence[AnyMessage]:
    """The question and what tools have found for it; what was said before is not quoted."""
    asked = [place for place, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return messages[asked[-1] :] if asked else messages


def _texts(messages: Sequence[AnyMessage]) -> str:
    return "\n\n".join(str(message.text) for message in messages)


def _pieces(text: str) -> list[str]:
    return re.findall(r".*?\n+|.+", text, re.DOTALL) if "\n" in text else [text]
