"""The plain agent, as a baseline for `bench/turns.py`: llm -> tools -> llm in LangGraph, sessions in a dict.

A session keeps all questions and answers, or with `remembers_tools` what its tools gave as well. Its search is
`bench/recipe.py`. Imports what such a service does at start, CrewAI and FastAPI among it.
"""

import operator
import time
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypedDict

import crewai  # noqa: F401 - the plain way imports its crew at start
import fastapi  # noqa: F401
from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from bench.recipe import Recipe
from bench.turn_measures import Ask, Heard
from core.answering.arithmetic.calculate import calculate as calculated

PAGES = Path(__file__).resolve().parent.parent / "data" / "knowledge"
RULES = SystemMessage("You are an MLOps assistant. Search the documentation before you answer, and cite it.")


class State(TypedDict):
    messages: Annotated[list[AnyMessage], operator.add]


@asynccontextmanager
async def plain(
    model: str, folder: Path, *, asynchronous: bool = False, remembers_tools: bool = False
) -> AsyncGenerator[Ask]:
    recipe = Recipe(folder / "plain")
    if not recipe.collection.count():
        recipe.index({str(page): page.read_text("utf-8") for page in sorted(PAGES.rglob("*.md"))})

    @tool
    def search_mlops_docs(query: str) -> str:
        """Search the MLOps documentation."""
        return "\n\n".join(recipe.chunks(query))

    @tool
    def calculate(expression: str) -> str:
        """Calculate an arithmetic expression."""
        return calculated(expression)

    tools = [search_mlops_docs, calculate]
    llm = ChatOpenAI(model="scripted", base_url=f"{model}/v1", api_key=lambda: "none").bind_tools(tools)

    def call(state: State) -> dict[str, Any]:
        return {"messages": [llm.invoke([RULES, *state["messages"]])]}

    async def call_asynchronously(state: State) -> dict[str, Any]:
        return {"messages": [await llm.ainvoke([RULES, *state["messages"]])]}

    graph = StateGraph(State)
    graph.add_node("llm", call_asynchronously if asynchronous else call)
    graph.add_node("tools", ToolNode(tools))
    graph.set_entry_point("llm")
    graph.add_conditional_edges("llm", tools_condition)
    graph.add_edge("tools", "llm")
    agent = graph.compile()
    sessions: dict[str, list[AnyMessage]] = defaultdict(list)

    async def ask(session: str, text: str, *, crew: bool = False) -> Heard:
        assert not crew
        started = time.perf_counter()
        asked = [*sessions[session], HumanMessage(text)]
        messages = (await agent.ainvoke({"messages": asked}))["messages"]
        sessions[session] = messages if remembers_tools else [*asked, messages[-1]]
        return Heard(time.perf_counter() - started, first=None)

    yield ask
