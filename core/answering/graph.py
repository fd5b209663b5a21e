"""The agent: a LangGraph that retrieves first, then lets the model answer or call tools until it does.

Comes in: a brief. Goes out: `AnswerEvent`s, `Completed` last. Called by the service.

    START -> retrieve -> model -> END
                           ^  |
                           |  v
                           tools
"""

import asyncio
import operator
import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypedDict, cast

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from core.answering.attachments import search_words, unseen
from core.answering.engine import Brief
from core.answering.followups import search_query
from core.answering.grounding.citations import conclude
from core.answering.language_models.choose import quoting
from core.answering.language_models.model import LanguageModel, Reply
from core.answering.outages import patiently
from core.answering.prompts import agent_request, agent_rules, prompt_version
from core.answering.shown import ShownText
from core.answering.tool_round import Tell, ToolRound
from core.answering.tools import TOOLS, Toolbox
from core.domain.conversation import Answer, Attachment, Message, Mode, ToolCall, Trace
from core.domain.events import AnswerEvent, Completed, Passages, Searching, TextDelta
from core.domain.knowledge import IndexVersion, Passage
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE, Retriever, Scope
from core.settings import Settings

MAX_ROUNDS = 4
"""Model calls a turn; the last one gets no tools, so that it has to answer."""

MAX_CALLS = 4
"""Tool calls of one reply that are made; the model is not reminded of those beyond them."""

REMEMBERED_CHARACTERS = 6_000
"""Of each earlier message that the model is shown."""


class AgentState(TypedDict):
    """What the graph carries: the conversation with the model, all that may be cited, and what was spent."""

    brief: Brief
    query: str
    version: IndexVersion
    messages: Annotated[list[AnyMessage], operator.add]
    passages: Annotated[list[Passage], operator.add]
    tool_calls: Annotated[list[ToolCall], operator.add]
    replies: Annotated[list[Reply], operator.add]
    repeats: bool
    searching: int
    answering: Annotated[int, operator.add]


@dataclass(frozen=True)
class Follower:
    """Whom the nodes of one run tell what happens; LangGraph's own stream costs 2 ms more an answer of 60 words."""

    tell: Tell


class GraphAgent:
    """The engine behind `Mode.AGENT`."""

    def __init__(self, model: LanguageModel, retriever: Retriever, settings: Settings) -> None:
        self._model = model
        self._retriever = retriever
        self._settings = settings
        self._graph = self._compile()

    async def run(self, brief: Brief) -> AsyncGenerator[AnswerEvent]:
        """Answers one question. Raises ModelError when an answer breaks off, KnowledgeError when the index fails."""
        events: asyncio.Queue[AnswerEvent | None] = asyncio.Queue()
        work = self._graph.ainvoke({"brief": brief}, context=Follower(events.put_nowait))
        running: asyncio.Task[AgentState] = asyncio.ensure_future(work)
        running.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            yield Completed(self._answer(await running))
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def _compile(self) -> Any:
        graph = StateGraph(AgentState, context_schema=Follower)
        graph.add_node("retrieve", self._retrieve)
        graph.add_node("model", self._ask)
        graph.add_node("tools", self._use_tools)
        graph.add_edge(START, "retrieve")
        graph.add_edge("retrieve", "model")
        graph.add_conditional_edges("model", _wants_tools, {"tools": "tools", "end": END})
        graph.add_edge("tools", "model")
        return graph.compile()

    async def _retrieve(self, state: AgentState, runtime: Runtime[Follower]) -> dict[str, Any]:
        tell = runtime.context.tell
        started = time.monotonic()
        brief = state["brief"]
        query = search_query(brief.question, list(brief.memory.recent), search_words(brief.attachments))
        tell(Searching(query))
        found = await patiently(lambda: self._retriever.find(query, scope=Scope(brief.rules.sources)))
        tell(Passages(tuple(found.passages)))
        request = agent_request(brief.question, found.passages, brief.attachments)
        asked = HumanMessage(self._with_images(request, brief))
        return {
            "query": query,
            "version": found.version,
            "messages": [
                SystemMessage(agent_rules(brief.rules, brief.memory.summary)),
                *_remembered(brief.memory.recent),
                asked,
            ],
            "passages": found.passages,
            "searching": _milliseconds_since(started),
        }

    async def _ask(self, state: AgentState, runtime: Runtime[Follower]) -> dict[str, Any]:
        tell = runtime.context.tell
        started = time.monotonic()
        brief = state["brief"]
        model = quoting(brief.quoting) if brief.quoting else self._model
        shown = ShownText(supported=any(passage.score >= SUPPORTING_SCORE for passage in state["passages"]))
        tools = [] if state.get("repeats") or _rounds(state) >= MAX_ROUNDS - 1 else TOOLS
        stream = model.stream(state["messages"], prompt=prompt_version("agent"), tools=tools, bill=brief.bill)
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                if isinstance(piece, Reply):
                    reply = piece if tools else replace(piece, tools=())
                    return {"messages": [_said(reply)], "replies": [reply], "answering": _milliseconds_since(started)}
                if text := shown.next(piece.text):
                    tell(TextDelta(text))
        raise AssertionError("a language model's stream ends with its reply")

    async def _use_tools(self, state: AgentState, runtime: Runtime[Follower]) -> dict[str, Any]:
        *earlier, asking = state["replies"]
        made = [request for reply in earlier for request in reply.tools]
        toolbox = Toolbox(self._retriever, Scope(state["brief"].rules.sources))
        uses = ToolRound(toolbox, len(state["passages"]), made, runtime.context.tell)
        for request in asking.tools[:MAX_CALLS]:
            await uses.make(request)
        return {
            "messages": uses.messages,
            "passages": uses.passages,
            "tool_calls": uses.calls,
            "repeats": uses.repeats,
        }

    def _with_images(self, text: str, brief: Brief) -> Any:
        """What the model is asked: text, with the pictures behind it where the model takes them."""
        images = [attachment for attachment in brief.attachments if attachment.image]
        if brief.quoting or not images or not self._settings.llm_images:
            return text
        return [{"type": "text", "text": text}, *map(_image_part, images)]

    def _answer(self, state: AgentState) -> Answer:
        reply = state["replies"][-1]
        answer = conclude(
            reply.text,
            state["passages"],
            state.get("tool_calls", []),
            mode=Mode.AGENT,
            model=reply.call.model,
            question=state["brief"].known,
            unsupported=self._settings.unsupported,
        )
        brief = state["brief"]
        blind = "" if self._settings.llm_images and not brief.quoting else unseen(brief.attachments)
        note = " ".join(filter(None, (answer.note, reply.note, blind)))
        return replace(answer, note=note, trace=self._trace(state))

    def _trace(self, state: AgentState) -> Trace:
        return Trace(
            query=state["query"],
            index_version=state["version"].id,
            index_revision=state["version"].revision,
            index_fresh_at=state["version"].fresh_at,
            passages=tuple(state["passages"]),
            calls=tuple(reply.call for reply in state["replies"]),
            parameters={
                "temperature": self._settings.llm_temperature,
                "unsupported": self._settings.unsupported,
                "rounds": _rounds(state),
            },
            timings={"search": state["searching"], "model": state["answering"]},
        )


def _wants_tools(state: AgentState) -> str:
    return "tools" if state["replies"][-1].tools else "end"


def _rounds(state: AgentState) -> int:
    return len(state["replies"])


def _remembered(transcript: Sequence[Message]) -> list[AnyMessage]:
    def message(said: Message) -> AnyMessage:
        text = said.text[:REMEMBERED_CHARACTERS]
        return HumanMessage(text) if said.role == "user" else AIMessage(text)

    return [message(said) for said in transcript]


def _said(reply: Reply) -> AIMessage:
    calls = [{"id": r.id, "name": r.name, "args": r.arguments, "type": "tool_call"} for r in reply.tools[:MAX_CALLS]]
    return AIMessage(reply.text, tool_calls=cast("Any", calls))


def _image_part(attachment: Attachment) -> dict[str, Any]:
    encoded = b64encode(attachment.image).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{attachment.media_type};base64,{encoded}"}}


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
