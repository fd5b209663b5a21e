import asyncio
from collections.abc import AsyncGenerator

import pytest
from nicegui import Client, ui
from nicegui.testing import User

from core.answering.engine import Brief
from core.answering.turns.line import Line
from core.bootstrap import Services
from core.domain.conversation import Answer, Mode, Status
from core.domain.events import AnswerEvent, Completed, Searching, Step, TextDelta
from core.errors import ModelError

PATIENCE = 100
"""Looks at the page, a tenth of a second apart, until an answer must be there."""


def ask(user: User, text: str) -> None:
    user.find(kind=ui.textarea).type(text)
    user.find(kind=ui.button, content="Ask").click()


async def test_answer_comes_with_its_source(owner: User, console_services: Services) -> None:
    await owner.open("/playground")

    ask(owner, "How do I push a model to Quillstore?")

    await owner.should_see(kind=ui.label, content="Sources", retries=PATIENCE)
    await owner.should_see("Searching for “How do I push a model to Quillstore?”")
    await owner.should_see("Found")
    await owner.should_see("quill push churn ./model.bin")
    link = next(iter(owner.find(kind=ui.link, content="Store models with Quillstore").elements))
    assert link.props["href"].partition("#")[0] == "/knowledge/quillstore.md"
    (session,) = await console_services.sessions.list()
    assert (session.key.platform, session.messages) == ("console", 2)


async def test_uncovered_question_is_marked(owner: User) -> None:
    await owner.open("/playground")

    ask(owner, "Which pizza is best in Naples?")

    await owner.should_see("Not covered by the knowledge base", retries=PATIENCE)


async def test_questions_of_one_visit_are_one_session_and_visits_are_separate(
    owner: User, console_services: Services
) -> None:
    for visit in range(2):
        await owner.open("/playground")
        ask(owner, f"How do I push a model to Quillstore, {visit}?")
        await owner.should_see(kind=ui.label, content="Sources", retries=PATIENCE)
    ask(owner, "How do I roll a Quillstore model back?")
    await owner.should_see(kind=ui.link, content="Roll a Quillstore model back", retries=PATIENCE)

    sessions = await console_services.sessions.list()

    assert sorted(session.messages for session in sessions) == [2, 4]


async def test_example_can_be_asked_with_one_click(owner: User) -> None:
    await owner.open("/playground")

    owner.find("When should I use a canary roll-out?").click()

    await owner.should_see("Found", retries=PATIENCE)


@pytest.mark.parametrize(("text", "said"), [("x" * 8_001, "Shorten it and ask again"), ("a\x07b", "control character")])
async def test_question_that_cannot_be_read_is_explained(
    owner: User, console_services: Services, text: str, said: str
) -> None:
    await owner.open("/playground")

    ask(owner, text)

    await owner.should_see(said)
    await owner.should_see("No answer")
    assert await console_services.sessions.list() == []


async def test_empty_question_is_not_asked(owner: User, console_services: Services) -> None:
    await owner.open("/playground")

    ask(owner, "  ")

    await owner.should_not_see("No answer")
    assert await console_services.sessions.list() == []


class Scripted:
    """An engine that says what the test gives it."""

    def __init__(self, *events: AnswerEvent | Exception) -> None:
        self._events = events

    async def run(self, brief: Brief) -> AsyncGenerator[AnswerEvent]:  # noqa: ARG002
        for event in self._events:
            if isinstance(event, Exception):
                raise event
            yield event


class Endless(Scripted):
    """Says what the test gives it and then nothing more; `ended` once it was stopped."""

    ended = False

    async def run(self, brief: Brief) -> AsyncGenerator[AnswerEvent]:
        try:
            async for event in super().run(brief):
                yield event
            await asyncio.Event().wait()
        finally:
            self.ended = True


@pytest.fixture
async def scripted_engines(console_services: Services) -> None:
    """A crew that works and an agent that breaks, in place of the real ones."""
    (await console_services.answering.warm_up()).update(CREW_AND_BROKEN_AGENT)


CREW_AND_BROKEN_AGENT = {
    Mode.CREW: Scripted(
        Searching("what the crew looks for"),
        Step("Researcher", "read two passages"),
        TextDelta("A first **draft**"),
        Completed(Answer("The final word.", mode=Mode.CREW, model="scripted")),
    ),
    Mode.AGENT: Scripted(
        TextDelta("A beginning"),
        ModelError("The language model did not answer. Ask again in a minute.", detail="secret detail"),
    ),
}


@pytest.mark.usefixtures("scripted_engines")
async def test_crew_shows_its_steps_and_the_final_text_replaces_the_draft(owner: User) -> None:
    await owner.open("/playground")
    next(iter(owner.find(kind=ui.toggle).elements)).value = Mode.CREW

    ask(owner, "Who answers?")

    for text in ("Researcher: read two passages", "The final word.", "Crew", "scripted"):
        await owner.should_see(text)
    await owner.should_not_see("A first **draft**")


@pytest.mark.usefixtures("scripted_engines")
async def test_failure_is_told_in_one_sentence_and_asking_again_is_possible(
    owner: User, console_services: Services
) -> None:
    await owner.open("/playground")

    ask(owner, "Who answers?")

    await owner.should_see("The language model did not answer. Ask again in a minute.")
    await owner.should_not_see("secret detail")
    await owner.should_not_see("A beginning")
    assert next(iter(owner.find(kind=ui.button, content="Ask").elements)).enabled
    (session,) = await console_services.sessions.list()
    (question,) = await console_services.sessions.transcript(session.key)
    assert question.status is Status.FAILED
    ask(owner, "And now?")
    await owner.should_see("And now?")


@pytest.fixture
async def endless_agent(console_services: Services) -> Endless:
    """An agent that begins to answer and does not end."""
    agent = Endless(Searching("what is asked"), TextDelta("A beginning"))
    (await console_services.answering.warm_up())[Mode.AGENT] = agent
    return agent


async def test_answer_in_the_making_can_be_stopped_and_what_was_written_stays(
    owner: User, console_services: Services, endless_agent: Endless
) -> None:
    await owner.open("/playground")
    ask(owner, "Who answers?")
    await owner.should_see("A beginning", retries=PATIENCE)

    owner.find(kind=ui.button, content="Stop").click()

    await owner.should_see("Stopped", retries=PATIENCE)
    await owner.should_see("A beginning")
    await owner.should_not_see(kind=ui.button, content="Stop")
    await owner.should_not_see("No answer")
    assert endless_agent.ended
    assert next(iter(owner.find(kind=ui.button, content="Ask").elements)).enabled
    (session,) = await console_services.sessions.list()
    (question,) = await console_services.sessions.transcript(session.key)
    assert question.status is Status.STOPPED


async def test_question_that_waits_for_its_turn_shows_its_place_and_can_be_stopped(
    owner: User, console_services: Services, endless_agent: Endless
) -> None:
    line = Line(places=1, room=10)
    console_services.answering._runner._lines[Mode.AGENT] = line
    await owner.open("/playground")

    async with line.place("somebody", "else", lambda _: None):
        ask(owner, "Who answers?")
        await owner.should_see("Number 1 in line", retries=PATIENCE)
        owner.find(kind=ui.button, content="Stop").click()
        await owner.should_see("Stopped", retries=PATIENCE)

    assert len(line) == 0
    assert not endless_agent.ended


async def test_leaving_ends_the_turn_quietly(owner: User, console_services: Services) -> None:
    client: Client = await owner.open("/playground")
    ask(owner, "How do I push a model to Quillstore?")

    client.delete()

    await owner.open("/sessions")
    await owner.should_see("Sessions")
    assert len(await console_services.sessions.list()) <= 1


async def test_question_of_the_address_stands_in_the_box_and_is_not_asked(
    owner: User, console_services: Services
) -> None:
    await owner.open("/playground?q=%3Cb%3EWhat%20is%20drift%3F&mode=crew")

    assert next(iter(owner.find(kind=ui.textarea).elements)).value == "<b>What is drift?"
    assert next(iter(owner.find(kind=ui.toggle).elements)).value == Mode.CREW
    assert await console_services.sessions.list() == []
    await owner.open("/playground?mode=nobody")
    assert next(iter(owner.find(kind=ui.toggle).elements)).value == Mode.AGENT


async def test_answer_says_where_its_time_and_money_went(owner: User) -> None:
    await owner.open("/playground")

    ask(owner, "How do I push a model to Quillstore?")

    await owner.should_see(kind=ui.label, content="Sources", retries=PATIENCE)
    for text in ("search ", "model ", "first text ", "1 model call", "$0.0000"):
        await owner.should_see(text)


class Meeting(Scripted):
    """Says that it began, and what is left once the other one has begun too."""

    def __init__(self, began: asyncio.Event, other: asyncio.Event, *events: AnswerEvent | Exception) -> None:
        super().__init__(*events)
        self._began, self._other = began, other

    async def run(self, brief: Brief) -> AsyncGenerator[AnswerEvent]:
        self._began.set()
        await self._other.wait()
        async for event in super().run(brief):
            yield event


@pytest.fixture
async def meeting_engines(console_services: Services) -> None:
    """Engines of which neither answers before both were asked."""
    agent, crew = asyncio.Event(), asyncio.Event()
    (await console_services.answering.warm_up()).update(
        {
            Mode.AGENT: Meeting(
                agent, crew, TextDelta("From the"), Completed(Answer("The agent's word.", mode=Mode.AGENT))
            ),
            Mode.CREW: Meeting(
                crew, agent, Step("Researcher", "read"), Completed(Answer("The crew's.", mode=Mode.CREW))
            ),
        }
    )


@pytest.mark.usefixtures("meeting_engines")
async def test_agent_and_crew_answer_side_by_side_at_the_same_time_in_conversations_of_their_own(
    owner: User, console_services: Services
) -> None:
    await owner.open("/playground?mode=both")

    ask(owner, "Who answers?")
    for text in ("The agent's word.", "The crew's.", "Researcher: read"):
        await owner.should_see(text, retries=PATIENCE)
    ask(owner, "And now?")
    await owner.should_see("And now?", retries=PATIENCE)

    await owner.should_see(kind=ui.button, content="Ask")
    sessions = await console_services.sessions.list()
    assert len(sessions) == 2
    for session in sessions:
        transcript = await console_services.sessions.transcript(session.key)
        assert [message.text for message in transcript if message.role == "user"][:1] == ["Who answers?"]
        assert len({message.mode for message in transcript}) == 1


async def test_one_of_two_can_be_stopped_and_the_other_goes_on(
    owner: User, console_services: Services, endless_agent: Endless
) -> None:
    waiting = asyncio.Event()
    crew = Meeting(asyncio.Event(), waiting, Completed(Answer("The crew's.", mode=Mode.CREW)))
    (await console_services.answering.warm_up())[Mode.CREW] = crew
    await owner.open("/playground?mode=both")
    ask(owner, "Who answers?")
    await owner.should_see("A beginning", retries=PATIENCE)

    stop = owner.find(kind=ui.button, content="Stop")
    stop.elements = {e for e in stop.elements if e.props.get("aria-label") == "Stop the agent"}
    stop.click()
    await owner.should_see("Stopped", retries=PATIENCE)
    waiting.set()

    await owner.should_see("The crew's.", retries=PATIENCE)
    assert endless_agent.ended
    await owner.should_not_see("No answer")


@pytest.mark.usefixtures("scripted_engines")
async def test_one_that_fails_leaves_the_answer_of_the_other(owner: User) -> None:
    await owner.open("/playground?mode=both")
    ask(owner, "Who answers?")
    await owner.should_see("The final word.", retries=PATIENCE)
    await owner.should_see("The language model did not answer.")
