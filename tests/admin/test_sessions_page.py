from datetime import UTC, datetime

import pytest
from nicegui import ui
from nicegui.testing import User

from admin.components.moments import count, moment, span
from admin.pages import sessions
from core.bootstrap import Services
from core.domain.channels import Verdict
from core.domain.conversation import Answer, Citation, Mode, Question, SessionKey, ToolCall

SLACK = SessionKey("slack", "T1", "C1", "1700000000.1")
HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"


def citation(number: int = 1, address: str = "/admin/knowledge/quillstore.md#push-a-model-to-quillstore") -> Citation:
    headings = ("Store models with Quillstore", "Push a model to Quillstore")
    return Citation(number, f"p{number}", "Store models with Quillstore", headings, address, 0.731, "quill push …")


async def hold(
    services: Services, text: str, answer: Answer | None, key: SessionKey = SLACK, event_id: str = ""
) -> str:
    """Keeps a question and its answer, as a channel would; gives the session's id."""
    question = Question(key, text, event_id or f"event-{text}", author="Ada")
    await services.turns.claim(question)
    if answer:
        await services.turns.complete(question.event_id, answer)
        await services.turns.delivered(question.event_id)
    return (await services.sessions.list(limit=1))[0].id


async def test_empty_list_says_what_to_do(owner: User) -> None:
    await owner.open("/sessions")

    await owner.should_see("No conversation yet")
    await owner.should_see("Ask something in the playground")


async def test_sessions_are_listed_the_latest_first(owner: User, console_services: Services) -> None:
    await hold(console_services, "The older question", Answer("Yes."))
    await hold(console_services, "The newer question", Answer("No."), SessionKey("discord", "G", "D", "2"))

    await owner.open("/sessions")

    await owner.should_see("The older question")
    titles = [row for row in owner.find(kind=ui.label).elements if "row-title" in row.classes]
    assert [label.text for label in sorted(titles, key=lambda label: label.id)] == [
        "The newer question",
        "The older question",
    ]
    await owner.should_see("Slack · T1 / C1")
    await owner.should_see("2 messages")


async def test_search_looks_into_what_was_said(owner: User, console_services: Services) -> None:
    await hold(console_services, "About drift", Answer("Set a threshold."))
    await hold(console_services, "About canaries", Answer("Send little traffic."), SessionKey("http", "", "", "2"))
    await owner.open("/sessions")

    owner.find(marker="q", kind=ui.input).type("threshold")

    await owner.should_not_see("About canaries")
    await owner.should_see("About drift")
    await owner.should_see("threshold")
    owner.find(marker="q", kind=ui.input).type(" of nothing")
    await owner.should_see("No session matches")


async def test_long_lists_have_pages(owner: User, console_services: Services) -> None:
    for number in range(27):
        await hold(console_services, f"Question {number:02}", None, SessionKey("http", "", "", str(number)))
    await owner.open("/sessions")
    await owner.should_see("Question 26")
    await owner.should_not_see("Question 01")

    owner.find("Older").click()

    await owner.should_see("Question 01")
    await owner.should_not_see("Question 26")
    owner.find("Newer").click()
    await owner.should_see("Question 26")


async def test_address_of_a_list_keeps_search_filters_and_place(owner: User, console_services: Services) -> None:
    await hold(console_services, "About drift", Answer("Set a threshold."))

    await owner.open("/sessions?q=canary&platform=discord&feedback=none&covered=no&cost=0.5&older=1700000000000000.x")

    await owner.should_see("No session matches")
    await owner.should_see("Filters (4)")
    assert next(iter(owner.find(marker="q", kind=ui.input).elements)).value == "canary"
    assert next(iter(owner.find(marker="cost", kind=ui.input).elements)).value == "0.5"


async def test_filter_that_is_set_narrows_the_list_until_it_is_cleared(owner: User, console_services: Services) -> None:
    await hold(console_services, "Asked by Ada", Answer("Yes."))
    await hold(console_services, "Asked by Bo", Answer("No.", covered=False), SessionKey("http", "", "", "2"))
    await owner.open("/sessions")

    owner.find(marker="channel", kind=ui.input).type("C1")
    await owner.should_not_see("Asked by Bo")
    await owner.should_see("Filters (1)")

    owner.find("Clear filters").click()
    await owner.should_see("Asked by Bo")


async def test_what_stands_out_is_said_in_the_row(owner: User, console_services: Services) -> None:
    session_id = await hold(console_services, "Best pizza?", Answer("No.", covered=False))
    [line] = [line for line in await console_services.transcripts.latest(session_id, 5) if line.message.answer]
    await console_services.aftercare.judge(line.message.id, "U9", Verdict.NOT_HELPFUL)
    await console_services.aftercare.escalate(line.message.id, "U9")

    await owner.open("/sessions")

    for badge in ("not covered", "not helpful", "asked for a human"):
        await owner.should_see(badge)


async def test_addresses_that_make_no_sense_show_the_list(owner: User, console_services: Services) -> None:
    await hold(console_services, "About drift", None)
    queries = ("older=x", "older=99999999999999999999.x", "cost=nan&since=31-31", "mode=%00&feedback=%F0", "q=%00%22")
    for query in queries[:-1]:
        await owner.open(f"/sessions?{query}")
        await owner.should_see("About drift")
    await owner.open(f"/sessions?{queries[-1]}")
    await owner.should_see("No session matches")


async def test_list_shows_what_was_said_meanwhile(
    owner: User, console_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "EVERY", 0.05)
    await owner.open("/sessions")
    await owner.should_see("No conversation yet")
    await hold(console_services, "Just asked", None)
    await owner.should_see("Just asked", retries=20)


async def test_everything_of_a_person_is_erased_after_it_was_said_what(owner: User, console_services: Services) -> None:
    await hold(console_services, "Asked by Ada", Answer("Yes."))
    await owner.open("/sessions?platform=slack&person=Ada")

    owner.find(marker="erase-person").click()
    await owner.should_see("1 whole session, 2 messages")
    owner.find(marker="agree").click()

    await owner.should_see("Erased of Ada: 1 whole session, 2 messages.")
    assert await console_services.sessions.list() == []
    [change] = await console_services.audit.latest(5)
    assert (change.who, change.action, change.subject) == ("owner", "person.erase", "slack:Ada")


async def test_transcript_shows_the_answer_with_all_that_backs_it(owner: User, console_services: Services) -> None:
    answer = Answer(
        "Call **quill push** [1].",
        citations=(citation(),),
        tool_calls=(ToolCall("calculate", '{"expression": "6*7"}', "42"),),
        mode=Mode.CREW,
        model="gpt-test",
        note="Quoted without a language model.",
        milliseconds=2400,
    )
    session_id = await hold(console_services, "How do I push a model?", answer)

    await owner.open("/sessions")
    assert f"/sessions/{session_id}" in [link.props["href"] for link in owner.find(kind=ui.link).elements]
    await owner.open(f"/sessions/{session_id}")

    await owner.should_see("Call **quill push** [1].")
    shown = ["Store models with Quillstore — Push a model to Quillstore", "0.73", "quill push …", "1 tool call",
             "calculate", "expression: 6*7", "42", "Crew", "gpt-test", "Quoted without a language model.",
             "2.4 s", "Ada"]  # fmt: skip
    for text in shown:
        await owner.should_see(text)
    link = next(iter(owner.find(kind=ui.link, content="Push a model to Quillstore").elements))
    assert link.props["href"] == "/knowledge/quillstore.md#push-a-model-to-quillstore"


async def test_addresses_of_this_service_become_paths_and_strange_ones_no_link(
    owner: User, console_services: Services
) -> None:
    here = console_services.settings.address
    citations = (citation(1, f"{here}/admin/knowledge/drumline.md"), citation(2, "javascript:alert(1)"))
    session_id = await hold(console_services, "Where?", Answer("There [1] [2].", citations=citations))

    await owner.open(f"/sessions/{session_id}")

    links = [link.props["href"] for link in owner.find(kind=ui.link, content="Store models").elements]
    assert links == ["/knowledge/drumline.md"]
    html = next(iter(owner.find(kind=ui.html).elements)).props["innerHTML"]
    assert 'href="/admin/knowledge/drumline.md"' in html
    assert "javascript" not in html


async def test_hostile_text_is_shown_as_text(owner: User, console_services: Services) -> None:
    answer = Answer(f"{HOSTILE} [x](javascript:alert(1))", tool_calls=(ToolCall(HOSTILE, HOSTILE, HOSTILE),))
    session_id = await hold(console_services, HOSTILE, answer)

    for path in ("/sessions", f"/sessions/{session_id}"):
        page = await owner.http_client.get(path)
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
    await owner.open(f"/sessions/{session_id}")
    html = next(iter(owner.find(kind=ui.html).elements)).props["innerHTML"]
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "<img" not in html
    assert "href" not in html


async def test_failed_stopped_and_waiting_questions_and_uncovered_answers_are_marked(
    owner: User, console_services: Services
) -> None:
    await hold(console_services, "Best pizza?", Answer("No page on it.", covered=False, citations=(citation(),)))
    await hold(console_services, "Broken?", None)
    await console_services.turns.fail("event-Broken?", "The language model cannot be reached.")
    await hold(console_services, "Never mind?", None)
    await console_services.turns.stop("event-Never mind?", "Stopped, as you wished.")
    session_id = await hold(console_services, "Still there?", None)

    await owner.open(f"/sessions/{session_id}")

    for text in ("Not covered by the knowledge base", "Nearest pages", "Failed", "Stopped", "Waiting"):
        await owner.should_see(text)
    await owner.should_not_see("Being delivered")


async def test_unknown_session_says_so(owner: User) -> None:
    reply = await owner.http_client.get("/sessions/unknown")

    assert reply.status_code == 404
    assert "No such session" in reply.text


@pytest.mark.parametrize(
    ("milliseconds", "said"), [(12, "12 ms"), (2400, "2.4 s"), (185_000, "3 min 05 s"), (59_999, "60.0 s")]
)
def test_spans_are_said_shortly(milliseconds: float, said: str) -> None:
    assert span(milliseconds) == said


def test_moments_are_said_in_utc() -> None:
    assert moment(datetime(2026, 11, 3, 6, 28, tzinfo=UTC)) == "3 Nov 2026, 06:28 UTC"
    assert (count(1, "page"), count(1204, "page")) == ("1 page", "1,204 pages")
