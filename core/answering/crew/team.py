"""The crew as CrewAI knows it: two agents, two tasks in sequence, one tool.

Comes in: the two members with their tasks. Goes out: nothing; the members have collected it. Importing this imports
CrewAI; see `loading`. What CrewAI does is seen where it calls us (its LLM, its tool, its task's callback), for there it
waits and keeps its order. Its event bus calls later, from a pool of threads, and for all crews alike.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from crewai import Agent, BaseLLM, Crew, Process, Task, TaskOutput
from crewai.tools import BaseTool
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, PrivateAttr

from core.answering.crew.members import RESEARCHER, WRITER, WRITER_CALLS, Researcher, Writer
from core.answering.crew.turn import CrewTurn
from core.answering.tools import search_mlops_docs

Asked = Callable[[list[AnyMessage]], Coroutine[Any, Any, str]]


class Voice(BaseLLM):
    """The LLM of one member: asks it on the event loop, and waits."""

    _turn: CrewTurn = PrivateAttr()
    _asked: Asked = PrivateAttr()

    @classmethod
    def of(cls, asked: Asked, turn: CrewTurn) -> "Voice":
        """The voice of a member of this turn."""
        voice = cls(model="shared")
        voice._turn, voice._asked = turn, asked
        return voice

    def call(self, messages: Any, *_: Any, **__: Any) -> str:
        """What the member replies. Raises CrewStopped."""
        said = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        return self._turn.wait(self._asked([_message(item) for item in said]))

    def supports_function_calling(self) -> bool:
        """No: plain text works with every model; CrewAI then asks for Thought, Action, Final Answer."""
        return False


class SearchTool(BaseTool):
    """The researcher's only tool."""

    name: str = search_mlops_docs.__name__
    description: str = search_mlops_docs.__doc__ or ""
    args_schema: type[BaseModel] = search_mlops_docs

    _turn: CrewTurn = PrivateAttr()
    _researcher: Researcher = PrivateAttr()

    @classmethod
    def of(cls, researcher: Researcher, turn: CrewTurn) -> "SearchTool":
        """The tool in the hands of this researcher."""
        tool = cls()
        tool._turn, tool._researcher = turn, researcher
        return tool

    def _run(self, query: str) -> str:
        return self._turn.wait(self._researcher.search(query))


def work(turn: CrewTurn, researcher: Researcher, writer: Writer) -> None:
    """Lets CrewAI do the tasks of both; blocks. Raises CrewStopped, or whatever CrewAI trips over."""
    specialist = _agent(
        role=RESEARCHER,
        goal="Find what the knowledge base says, completely and with its sources",
        backstory="You know the documentation of MLOps tools and never state what you have not found in it.",
        tools=[SearchTool.of(researcher, turn)],
        llm=Voice.of(researcher.reply, turn),
        max_iter=researcher.bounds.steps + 1,  # the researcher itself ends before, in better words
    )
    author = _agent(
        role=WRITER,
        goal="Turn research into an answer that an engineer can use at once",
        backstory="You write short, exact documentation and keep every source where it belongs.",
        llm=Voice.of(writer.reply, turn),
        max_iter=WRITER_CALLS,
    )

    def handed_on(output: TaskOutput) -> None:
        output.raw = researcher.handed_on()

    researched = Task(
        description=researcher.task,
        expected_output="Research notes with the numbers of their passages",
        agent=specialist,
        callback=handed_on,
    )
    written = Task(
        description=writer.task,
        expected_output="The answer in Markdown, with [n] behind what each passage supports",
        agent=author,
        context=[researched],
    )
    agents: list[Any] = [specialist, author]
    Crew(agents=agents, tasks=[researched, written], process=Process.sequential, tracing=False).kickoff()


def _agent(**who: Any) -> Agent:
    """An agent that does nothing on its own account: no retries, no summaries of its conversation, no delegation."""
    return Agent(**who, max_retry_limit=0, respect_context_window=False, allow_delegation=False, verbose=False)


def _message(item: dict[str, Any]) -> AnyMessage:
    kinds: dict[str, Callable[[str], AnyMessage]] = {"system": SystemMessage, "assistant": AIMessage}
    return kinds.get(item["role"], HumanMessage)(str(item["content"]))
