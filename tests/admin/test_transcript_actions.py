"""What can be seen of an answer and done with a conversation, as its page shows it."""

from collections.abc import Awaitable, Callable

import pytest
from nicegui import ui
from nicegui.testing import User

from admin.components.places import thread_address
from admin.pages import transcript
from core.bootstrap import Services
from core.domain.channels import Fault, Verdict
from core.domain.conversation import Answer, Attachment, ModelCall, Note, Question, SessionKey, Trace
from core.domain.people import Role

THREAD = SessionKey("slack", "T1", "C1", "1763.0001")
HOSTILE = "<img src=x onerror=alert(1)>"
TRACE = Trace(
    query="push a model",
    calls=(ModelCall("crew.v1", "openrouter", "big/model", 1_200, 90, 4_200, 310, 1_900),),
    notes=(Note("Researcher", f"Found it. {HOSTILE}"),),
    timings={"search": 21, "model": 1_900},
)


async def hold(services: Services, answer: Answer, *, attachments: tuple[Attachment, ...] = ()) -> tuple[str, str]:
    """Keeps a question and its answer; gives the ids of the session and of the answer."""
    question = Question(THREAD, "How do I push a model to Quillstore?", "e1", "Ada", attachments=attachments)
    await services.turns.claim(question)
    message_id = await services.turns.complete("e1", answer)
    await services.turns.delivered("e1")
    return (await services.sessions.list())[0].id, message_id or ""


async def test_answer_shows_what_it_was_made_of_and_what_people_made_of_it(
    owner: User, console_services: Services
) -> None:
    files = (Attachment(f"{HOSTILE}.txt", text="x"),)
    session_id, message_id = await hold(console_services, Answer("So.", trace=TRACE), attachments=files)
    await console_services.aftercare.judge(message_id, "U7", Verdict.NOT_HELPFUL, Fault.OUTDATED, f"Old. {HOSTILE}")
    await console_services.aftercare.escalate(message_id, "U8")

    await owner.open(f"/sessions/{session_id}")

    for text in ("1 step · 1 model call · 1,290 tokens · $0.0042", "Researcher", "crew.v1 · big/model", "search 21 ms",
                 "1,200 in, 90 out", "first text after 310 ms", "Not helpful", "U7", "outdated", "Old.",
                 "Asked for a human", "U8", f"{HOSTILE}.txt"):  # fmt: skip
        await owner.should_see(text)
    page = await owner.http_client.get(f"/sessions/{session_id}")
    assert HOSTILE not in page.text


async def test_thread_opens_where_it_was_held(owner: User, console_services: Services) -> None:
    session_id, _ = await hold(console_services, Answer("So."))
    await owner.open(f"/sessions/{session_id}")
    link = next(iter(owner.find(kind=ui.link, content="Open in Slack").elements))
    assert link.props["href"] == "https://slack.com/app_redirect?team=T1&channel=C1&message_ts=1763.0001"


@pytest.mark.parametrize(
    ("key", "address"),
    [
        (SessionKey("slack", "T1", "D1", ""), "https://slack.com/app_redirect?team=T1&channel=D1"),
        (SessionKey("slack", "T1", "C1", "command:7"), "https://slack.com/app_redirect?team=T1&channel=C1"),
        (SessionKey("discord", "1", "2", "3"), "https://discord.com/channels/1/3"),
        (SessionKey("discord", "dm", "2", ""), "https://discord.com/channels/@me/2"),
        (SessionKey("discord", "1", "../2", "x"), "https://discord.com/channels/1/..%2F2"),
        (SessionKey("http", "", "", "mine"), ""),
    ],
)
def test_address_of_a_thread_follows_its_platform(key: SessionKey, address: str) -> None:
    assert thread_address(key) == address


async def test_replay_shows_what_would_be_said_now(owner: User, console_services: Services) -> None:
    session_id, _ = await hold(console_services, Answer("Something that was said long ago."))
    await owner.open(f"/sessions/{session_id}")

    owner.find("Replay").click()

    await owner.should_see("It would be answered otherwise now.", retries=50)
    await owner.should_see("-Something that was said long ago.")
    await owner.should_see("cited")
    assert len(await console_services.sessions.transcript(THREAD)) == 2


async def test_session_is_deleted_after_it_was_said_what_goes(owner: User, console_services: Services) -> None:
    session_id, _ = await hold(console_services, Answer("So."))
    await owner.open(f"/sessions/{session_id}")

    owner.find(marker="delete-session").click()
    await owner.should_see("with 2 messages")
    owner.find(marker="decline").click()
    assert await console_services.sessions.exists(THREAD)

    owner.find(marker="delete-session").click()
    await owner.should_see("Delete this session?")
    owner.find(marker="agree").click()
    await owner.should_see("was deleted, with 2 messages.")
    await owner.should_see("This session is gone")
    [change] = await console_services.audit.latest(5)
    assert (change.action, change.subject, change.before["messages"]) == ("session.delete", session_id, 2)
    assert "Quillstore" not in str(change)


async def test_viewers_are_not_offered_what_they_may_not_do(
    person: Callable[[Role], Awaitable[User]], console_services: Services
) -> None:
    session_id, _ = await hold(console_services, Answer("So."))
    viewer = await person(Role.VIEWER)
    await viewer.open(f"/sessions/{session_id}")

    await viewer.should_see("So.")
    for find in ({"marker": "delete-session"}, {"marker": "erase-person"}, {"content": "Replay"}):
        await viewer.should_not_see(**find)
    await viewer.should_not_see("Make this a golden question")


async def test_person_is_erased_from_one_of_their_questions(owner: User, console_services: Services) -> None:
    session_id, _ = await hold(console_services, Answer("So."))
    await console_services.turns.claim(Question(THREAD, "And I?", "e2", "Bo"))
    await owner.open(f"/sessions/{session_id}")

    owner.find("Erase everything of Ada").click()
    await owner.should_see("Erase everything of this person?")
    owner.find(marker="agree").click()

    await owner.should_see("Erased of Ada: 2 messages.")
    await owner.should_see("And I?")
    await owner.should_not_see("So.")


async def test_long_conversation_shows_its_latest_turns_and_leads_to_earlier_ones(
    owner: User, console_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcript, "TURNS", 2)
    for number in range(1, 6):
        await console_services.turns.claim(Question(THREAD, f"Question {number}", f"e{number}", "Ada"))
    session_id = (await console_services.sessions.list())[0].id

    await owner.open(f"/sessions/{session_id}?before=4")

    await owner.should_see("Question 2")
    await owner.should_see("Question 3")
    await owner.should_not_see("Question 5")
    links = {link.text: link.props["href"] for link in owner.find(kind=ui.link).elements}
    assert links["Earlier turns"] == f"/sessions/{session_id}?before=2"
    assert links["Latest turns"] == f"/sessions/{session_id}"


async def test_transcript_shows_the_answer_once_it_is_there(
    owner: User, console_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcript, "EVERY", 0.05)
    await console_services.turns.claim(Question(THREAD, "Still there?", "e1", "Ada"))
    session_id = (await console_services.sessions.list())[0].id
    await owner.open(f"/sessions/{session_id}")
    await owner.should_see("Waiting")

    await console_services.turns.complete("e1", Answer("I am."))

    await owner.should_see("I am.", retries=20)
