"""The crew: a Research Specialist who searches, then a Technical Writer who writes from the research.

Comes in: a question and the transcript before it. Goes out: `AnswerEvent`s, `Completed` last. CrewAI is imported on the
first question, because it costs seconds and 150 MB; it runs in worker threads and writes below VAR_DIR alone.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage

from core.answering.citations import conclude
from core.answering.extractive import ExtractiveModel
from core.answering.followups import search_query
from core.answering.language_models import STOPPED, model_errors
from core.answering.prompts import NOT_COVERED, frame, framed_passages, framed_question, prompt, read_passages
from core.answering.tools import Toolbox
from core.domain.conversation import Message, Mode, ToolCall
from core.domain.events import AnswerEvent, Completed, Passages, Searching, Step
from core.domain.knowledge import Passage
from core.errors import ModelError
from core.knowledge.retrieval.retrieve import Retriever

if TYPE_CHECKING:
    from crewai import Crew

AT_ONCE = 4
"""Crews that run side by side; more wait."""

MAX_STEPS = 5
"""Model calls that the researcher may make."""

SEARCH_SECONDS = 30

RESEARCHER = "MLOps Research Specialist"
WRITER = "MLOps Technical Writer"


class CrewAgent:
    """The engine behind `Mode.CREW`."""

    def __init__(self, model: BaseChatModel, name: str, retriever: Retriever, state_dir: Path) -> None:
        self._model = model
        self._name = name
        self._retriever = retriever
        self._state_dir = state_dir
        self._places = asyncio.Semaphore(AT_ONCE)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="crew")

    async def run(self, question: str, transcript: Sequence[Message]) -> AsyncGenerator[AnswerEvent]:
        """Answers one question. Raises ModelError when the model fails, KnowledgeError when the index does."""
        turn = CrewTurn(self._retriever, asyncio.get_running_loop())
        async with self._places:
            query = search_query(question, list(transcript))
            turn.tell(Searching(query))
            passages = await self._retriever.search(query)
            turn.found(passages)
            kickoff = partial(self._kickoff, question, query, passages, turn)
            work = asyncio.get_running_loop().run_in_executor(self._threads, copy_context().run, kickoff)
            work.add_done_callback(lambda _: turn.tell(None))
            try:
                while (event := await turn.events.get()) is not None:
                    yield event
                text = await work
            finally:
                work.cancel()
        yield Completed(conclude(text, turn.passages, turn.tool_calls, mode=Mode.CREW, model=self._name))

    def _kickoff(self, question: str, query: str, passages: list[Passage], turn: "CrewTurn") -> str:
        crew = build_crew(self._model, question if query == question else query, passages, turn, self._state_dir)
        try:
            output: Any = crew.kickoff()
            return str(output.raw)
        except Exception as error:  # CrewAI passes on what its model raised, or wraps it
            raise turn.failure or error from error


class CrewTurn:
    """What one run of the crew collects; filled from CrewAI's threads, read on the event loop."""

    def __init__(self, retriever: Retriever, loop: asyncio.AbstractEventLoop) -> None:
        self.events: asyncio.Queue[AnswerEvent | None] = asyncio.Queue()
        self.passages: list[Passage] = []
        self.tool_calls: list[ToolCall] = []
        self.failure: ModelError | None = None
        self._toolbox = Toolbox(retriever)
        self._loop = loop

    def tell(self, event: AnswerEvent | None) -> None:
        """Passes an event on; None ends the stream. Safe from any thread."""
        self._loop.call_soon_threadsafe(self.events.put_nowait, event)

    def found(self, passages: Sequence[Passage]) -> None:
        """Notes passages that may now be cited."""
        self.tell(Passages(tuple(passages), len(self.passages) + 1))
        self.passages += passages

    def search(self, query: str) -> str:
        """The researcher's tool; called from CrewAI's threads."""
        self.tell(Searching(query))
        looking = self._toolbox.use("search_mlops_docs", {"query": query}, len(self.passages) + 1)
        use = asyncio.run_coroutine_threadsafe(looking, self._loop).result(SEARCH_SECONDS)
        self.tool_calls.append(use.call)
        self.found(use.passages)
        return use.call.result


def build_crew(model: BaseChatModel, question: str, passages: list[Passage], turn: CrewTurn, state_dir: Path) -> "Crew":
    """The two agents and their two tasks, in sequence."""
    _confine(state_dir)
    from crewai import Agent, Crew, Process, Task  # noqa: PLC0415 - see the module's docstring
    from crewai.tools import BaseTool  # noqa: PLC0415

    class SearchTool(BaseTool):
        name: str = "search_mlops_docs"
        description: str = "Search the MLOps knowledge base. Returns numbered passages that can be cited."

        def _run(self, query: str) -> str:
            return turn.search(query)

    llm = _crew_model(model, turn)
    researcher = Agent(
        role=RESEARCHER,
        goal="Find what the knowledge base says, completely and with its sources",
        backstory="You know the documentation of MLOps tools and never state what you have not found in it.",
        tools=[SearchTool()],
        llm=llm,
        max_iter=MAX_STEPS,
        max_retry_limit=0,
        allow_delegation=False,
        verbose=False,
    )
    writer = Agent(
        role=WRITER,
        goal="Turn research into an answer that an engineer can use at once",
        backstory="You write short, exact documentation and keep every source where it belongs.",
        llm=llm,
        max_iter=2,
        max_retry_limit=0,
        allow_delegation=False,
        verbose=False,
    )
    asked = framed_question(question)
    research = Task(
        description=_filled("researcher", question=asked, passages=framed_passages(passages)),
        expected_output="Research notes with the numbers of their passages",
        agent=researcher,
        callback=_step(turn, WRITER, "writing the answer"),
    )
    writing = Task(
        description=_filled("writer", question=asked),
        expected_output="The answer in Markdown, with [n] behind what each passage supports",
        agent=writer,
        context=[research],
    )
    turn.tell(Step(RESEARCHER, "reading what was found"))
    return Crew(
        agents=[researcher, writer],
        tasks=[research, writing],
        process=Process.sequential,
        verbose=False,
        tracing=False,
    )


def _confine(state_dir: Path) -> None:
    """Before CrewAI's first import: the places outside VAR_DIR that no setting of its moves."""
    from crewai_core import lock_store, settings, token_manager  # noqa: PLC0415

    state_dir.mkdir(parents=True, exist_ok=True)
    settings.DEFAULT_CONFIG_PATH = state_dir / "settings.json"
    locks: Any = lock_store
    locks.tempfile = SimpleNamespace(gettempdir=lambda: str(state_dir))
    manager: Any = token_manager.TokenManager
    manager._get_secure_storage_path = staticmethod(lambda: state_dir)  # noqa: SLF001 - see above


def research_notes(prompt_text: str) -> str:
    """What the extractive model hands from the researcher to the writer: the passages as they are."""
    notes = [frame(number, score, title, text) for number, score, title, text in read_passages(prompt_text)]
    return "\n".join(notes) or NOT_COVERED


def _crew_model(model: BaseChatModel, turn: CrewTurn) -> Any:
    """Lets CrewAI's agents speak through the same LangChain model as the graph."""
    from crewai import BaseLLM  # noqa: PLC0415

    class ChatModelForCrew(BaseLLM):
        def call(self, messages: Any, *_: Any, **__: Any) -> str:
            chat = [HumanMessage(messages)] if isinstance(messages, str) else [_message(item) for item in messages]
            text = "\n\n".join(str(message.text) for message in chat)
            if isinstance(model, ExtractiveModel) and RESEARCHER in str(chat[0].text):
                return f"Thought: I now know the final answer\nFinal Answer: {research_notes(text)}"
            try:
                with model_errors():
                    said = str(model.invoke(chat).text)
            except ModelError as error:
                turn.failure = error
            except ValueError as error:  # LangChain, when what came back is no completion
                turn.failure = ModelError(STOPPED, detail=str(error)[:300])
            else:
                return str(self._apply_stop_words(said)) or NOT_COVERED
            raise RuntimeError("the model gave no answer")  # CrewAI retries or summarises by what an error says

        def supports_function_calling(self) -> bool:
            return False  # plain text works with every model; CrewAI then asks for Thought, Action, Observation

    return ChatModelForCrew(model="chat")


def _message(item: dict[str, Any]) -> AnyMessage:
    kinds: dict[str, Callable[[str], AnyMessage]] = {"system": SystemMessage, "assistant": AIMessage}
    return kinds.get(item["role"], HumanMessage)(str(item["content"]))


def _step(turn: CrewTurn, who: str, what: str) -> Callable[[Any], None]:
    def told(_: Any) -> None:
        turn.tell(Step(who, what))

    return told


def _filled(name: str, **values: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda place: values[place[1]], prompt(name))
