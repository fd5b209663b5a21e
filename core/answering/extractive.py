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

from core.answering.prompts import NOT_COVERED, read_passages
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE

NAME = "extractive"
OPENING = "No language model is set up, so this is quoted from the knowledge base:"

_FENCE = "```"


def extract(prompt: str) -> str:
    """The best passage of a prompt that is about the question, quoted; NOT_COVERED when none is.

    The next one that is about it is quoted too when it brings the example that the best one lacks.
    """
    about = [passage for passage in read_passages(prompt) if passage[1] >= SUPPORTING_SCORE]
    if not about:
        return NOT_COVERED
    best, rest = about[0], about[1:]
    examples = [passage for passage in rest if _FENCE in passage[3] and _FENCE not in best[3]]
    quotes = (f"**{title}** [{number}]\n\n{text}" for number, _, title, text in [best, *examples[:1]])
    return "\n\n".join([OPENING, *quotes])


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
