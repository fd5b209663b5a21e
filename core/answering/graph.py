"""The agent: a LangGraph that retrieves first, then lets the model answer or call tools until it does.

Comes in: a question and the transcript before it. Goes out: `AnswerEvent`s, `Completed` last. Called by the service.

    START -> retrieve -> model -> END
                           ^  |
                           |  v
                           tools
"""

import asyncio
import operator
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated, Any, TypedDict, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    AnyMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.runnables import Runnable
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

from core.answering.citations import conclude
from core.answering.followups import search_query
from core.answering.language_models import STOPPED, model_errors
from core.answering.prompts import NOT_COVERED, framed_passages, framed_question, prompt
from core.answering.tools import TOOLS, Toolbox
from core.domain.conversation import Message, Mode, ToolCall
from core.domain.events import AnswerEvent, Completed, Passages, Searching, Step, TextDelta
from core.domain.knowledge import Passage
from core.errors import ModelError
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE, Retriever

MAX_ROUNDS = 4
"""Model calls a turn; the last one gets no tools, so that it has to answer."""

REMEMBERED_CHARACTERS = 1_500
"""Of each earlier message that the model is shown."""


class AgentState(TypedDict):
    """What the graph carries: the conversation with the model, and all that may be cited."""

    question: str
    transcript: list[Message]
    messages: Annotated[list[AnyMessage], add_messages]
    passages: Annotated[list[Passage], operator.add]
    tool_calls: Annotated[list[ToolCall], operator.add]
    rounds: Annotated[int, operator.add]


class GraphAgent:
    """The engine behind `Mode.AGENT`."""

    def __init__(self, model: BaseChatModel, name: str, retriever: Retriever, patience: float) -> None:
        self._model = model
        self._model_with_tools = model.bind_tools(TOOLS)
        self._name = name
        self._patience = patience
        self._retriever = retriever
        self._toolbox = Toolbox(retriever)
        self._graph = self._compile()

    async def run(self, question: str, transcript: Sequence[Message]) -> AsyncGenerator[AnswerEvent]:
        """Answers one question. Raises ModelError when the model fails, KnowledgeError when the index does."""
        start = {"question": question, "transcript": list(transcript), "messages": [], "passages": []}
        shown = ShownText()
        state: dict[str, Any] = {}
        stream = self._graph.astream(cast("Any", start), stream_mode=["custom", "messages", "values"])
        with model_errors():
            async with aclosing(stream) as items:
                async for kind, item in items:
                    if kind == "custom":
                        shown.noticed(cast("AnswerEvent", item))
                        yield cast("AnswerEvent", item)
                    elif kind == "values":
                        state = cast("dict[str, Any]", item)
                    elif text := shown.next(cast("tuple[Any, dict[str, Any]]", item)[0]):
                        yield TextDelta(text)
        yield Completed(
            conclude(
                str(state["messages"][-1].text),
                state["passages"],
                state.get("tool_calls", []),
                mode=Mode.AGENT,
                model=self._name,
            )
        )

    def _compile(self) -> Any:
        graph = StateGraph(AgentState)
        graph.add_node("retrieve", self._retrieve)
        graph.add_node("model", self._answer)
        graph.add_node("tools", self._use_tools)
        graph.add_edge(START, "retrieve")
        graph.add_edge("retrieve", "model")
        graph.add_conditional_edges("model", _wants_tools, {"tools": "tools", "end": END})
        graph.add_edge("tools", "model")
        return graph.compile()

    async def _retrieve(self, state: AgentState) -> dict[str, Any]:
        tell = get_stream_writer()
        query = search_query(state["question"], state["transcript"])
        tell(Searching(query))
        passages = await self._retriever.search(query)
        tell(Passages(tuple(passages)))
        asked = f"{framed_passages(passages)}\n\n{framed_question(state['question'])}"
        messages = [SystemMessage(prompt("agent")), *_remembered(state["transcript"]), HumanMessage(asked)]
        return {"messages": messages, "passages": passages}

    async def _answer(self, state: AgentState) -> dict[str, Any]:
        last = state.get("rounds", 0) >= MAX_ROUNDS - 1
        model = self._model if last else self._model_with_tools
        reply = await self._reply(model, state["messages"])
        if last:
            reply.tool_calls = []
        return {"messages": [reply], "rounds": 1}

    async def _reply(self, model: Runnable[Any, Any], messages: list[AnyMessage]) -> AIMessage:
        """What the model says; no piece of it is waited for longer than `patience` seconds."""
        chunks: list[AIMessageChunk] = []
        async with aclosing(cast("AsyncGenerator[AIMessageChunk]", model.astream(messages))) as stream:
            while True:
                try:
                    async with asyncio.timeout(self._patience):
                        chunk = await anext(stream, None)
                except ValueError as error:  # LangChain, when the endpoint streamed nothing
                    raise ModelError(STOPPED, detail=str(error)) from error
                if chunk is None:
                    break
                chunks.append(chunk)
        return add_ai_message_chunks(*chunks)

    async def _use_tools(self, state: AgentState) -> dict[str, Any]:
        tell = get_stream_writer()
        asked = cast("AIMessage", state["messages"][-1])
        messages: list[ToolMessage] = []
        passages: list[Passage] = []
        calls: list[ToolCall] = []
        for call in asked.tool_calls:
            if call["name"] == "search_mlops_docs":
                tell(Searching(str(call["args"].get("query", ""))))
            else:
                tell(Step("Agent", f"using {call['name']}"))
            first = len(state["passages"]) + len(passages) + 1
            use = await self._toolbox.use(call["name"], call["args"], first)
            if use.passages:
                tell(Passages(use.passages, first))
            messages.append(ToolMessage(use.call.result, tool_call_id=call["id"] or call["name"]))
            passages += use.passages
            calls.append(use.call)
        for broken in asked.invalid_tool_calls:
            said = f"The arguments of {broken['name']} are not valid JSON: {broken['error']}"
            messages.append(ToolMessage(said, tool_call_id=broken["id"] or "unknown"))
        return {"messages": messages, "passages": passages, "tool_calls": calls}


class ShownText:
    """Decides what of a model's text is shown while it is written.

    Nothing is shown while it may still turn out to be NOT_COVERED, nor before anything retrieved supports an answer.
    """

    def __init__(self) -> None:
        self._supported = False
        self._held: str | None = ""
        self._message: str | None = None

    def noticed(self, event: AnswerEvent) -> None:
        """Takes note of what was found, and of tools that give results of their own."""
        if isinstance(event, Passages):
            self._supported |= any(passage.score >= SUPPORTING_SCORE for passage in event.passages)

    def next(self, chunk: Any) -> str:
        """The text to show now for the next piece of a model's message."""
        if not isinstance(chunk, AIMessageChunk) or not self._supported:
            return ""
        if chunk.id != self._message:
            self._message, self._held = chunk.id, ""
        if self._held is None:
            return str(chunk.text)
        self._held += str(chunk.text)
        if NOT_COVERED.startswith(self._held.strip()[: len(NOT_COVERED)]):
            return ""
        text, self._held = self._held, None
        return text


def _wants_tools(state: AgentState) -> str:
    reply = state["messages"][-1]
    wants = isinstance(reply, AIMessage) and (reply.tool_calls or reply.invalid_tool_calls)
    return "tools" if wants and state["rounds"] < MAX_ROUNDS else "end"


def _remembered(transcript: Sequence[Message]) -> list[AnyMessage]:
    def message(said: Message) -> AnyMessage:
        text = said.text[:REMEMBERED_CHARACTERS]
        return HumanMessage(text) if said.role == "user" else AIMessage(text)

    return [message(said) for said in transcript]
