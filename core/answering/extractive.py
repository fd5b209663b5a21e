"""The language model that needs no key: it quotes the passages that fit best and says that it does so.

Comes in: a prompt with a framed question and passages. Goes out: Markdown with citations, or NOT_COVERED. It is a
LangChain chat model, so that the graph and the crew run on it as on any other.
"""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from core.answering.prompts import NOT_COVERED, read_passages, read_question
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE

NAME = "extractive"
OPENING = "No language model is set up, so this is quoted from the knowledge base:"
QUOTED = 2
NEARLY = 0.93
"""A second passage is quoted when it fits at least this well, relative to the best one."""

WORD_BONUS = 0.15
"""What a passage gains over its cosine when it has every content word of the question."""

_FENCE = "```"
_Ranked = tuple[float, int, str, str]
_WORD = re.compile(r"[a-z0-9_]{3,}")
_COMMON = frozenset(
    _WORD.findall(
        "and are can does for from has have how into its not the that their then there these this "
        "what when where which who why will with you your should could would use using"
    )
)


def extract(prompt: str) -> str:
    """The best-fitting passages of a prompt, quoted; NOT_COVERED when none is about the question."""
    question = _words(read_question(prompt))
    ranked: list[_Ranked] = [
        (score + WORD_BONUS * _share(question, text), number, title, text)
        for number, score, title, text in read_passages(prompt)
        if score >= SUPPORTING_SCORE
    ]
    ranked.sort(key=lambda row: -row[0])
    if not ranked:
        return NOT_COVERED
    chosen = [ranked[0], *(row for row in ranked[1:] if _adds(row, ranked[0]))][:QUOTED]
    quotes = (f"**{title}** [{number}]\n\n{text}" for _, number, title, text in chosen)
    return "\n\n".join([OPENING, *quotes])


def _adds(row: _Ranked, best: _Ranked) -> bool:
    """Whether a passage is worth quoting beside the best one: it fits nearly as well, or brings the example."""
    return row[0] >= best[0] * NEARLY or (_FENCE in row[3] and _FENCE not in best[3])


class ExtractiveModel(BaseChatModel):
    """A chat model that quotes. It calls no tools: the passages were searched before it is asked."""

    @property
    def _llm_type(self) -> str:
        return NAME

    def bind_tools(self, tools: Any, **kwargs: Any) -> Self:  # noqa: ARG002 - LangChain's signature
        """Itself: it has no use for tools."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=extract(_last_text(messages))))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> Iterator[ChatGenerationChunk]:
        for piece in _pieces(extract(_last_text(messages))):
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=piece))
            if run_manager:
                run_manager.on_llm_new_token(piece, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> AsyncIterator[ChatGenerationChunk]:
        for piece in _pieces(extract(_last_text(messages))):
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=piece))
            if run_manager:
                await run_manager.on_llm_new_token(piece, chunk=chunk)
            yield chunk


def _last_text(messages: list[BaseMessage]) -> str:
    return str(messages[-1].text)


def _pieces(text: str) -> list[str]:
    return re.findall(r".*?\n+|.+", text, re.DOTALL) if "\n" in text else [text]


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower())) - _COMMON


def _share(question: set[str], text: str) -> float:
    return len(question & _words(text)) / len(question) if question else 0.0
