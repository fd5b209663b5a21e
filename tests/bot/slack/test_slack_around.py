"""What stands around conversations in Slack: files, streams, the home, the assistant's container, what was missed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from bot.slack import app as slack_app
from bot.slack import streams
from bot.slack.app import SCOPES, SlackChannel
from core.bootstrap import Services
from core.settings import ROOT, Settings
from core.storage.engine import Database
from core.storage.models import WatchRow
from tests.bot.slack.conftest import opened
from tests.bot.slack.conversation import answered, settled
from tests.emulators.language_model import Hang, Pause, ScriptedModel, Text
from tests.emulators.slack import TEAM, SlackDouble

PUSH = "How do I push a model to Quillstore?"
TOKEN = "ghp_" + "a1B2" * 10
MANIFEST = yaml.safe_load((ROOT / "bot" / "slack" / "manifest.yaml").read_text())


@pytest.fixture
async def services(slack_settings: Callable[..., Settings]) -> AsyncIterator[Services]:
    async with opened(slack_settings()) as (services, channel):
        await channel.start()
        yield services


# files


async def test_log_becomes_part_of_the_question_without_its_secrets(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    model.script(Text("Use `quill push` [1]."))
    log = f"step 1\nexport GITHUB={TOKEN}\nQuillstore push failed: no label".encode()
    act = await slack.say(f"<@U0BOT> {PUSH}", files={"job.log": log})
    await slack.wait_for(lambda s: answered(s, act.ts))

    prompt = str(model.requests[-1])
    assert "Quillstore push failed: no label" in prompt
    assert TOKEN not in prompt
    assert "masked" in slack.bot_messages()[0].text


async def test_file_that_cannot_be_read_is_named(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    act = await slack.say(
        f"<@U0BOT> {PUSH}", files={"model.bin": b"\x00\x01" * 500, "shot.png": b"\x89PNG\r\n\x1a\n00"}
    )
    await slack.wait_for(lambda s: answered(s, act.ts))

    [reply] = slack.bot_messages()
    assert "model.bin could not be read" in reply.text
    assert "I cannot look at pictures (shot.png)" in reply.text


async def test_picture_is_passed_on_to_a_model_that_takes_it(
    slack_settings: Callable[..., Settings], slack: SlackDouble, model: ScriptedModel, running: Callable[..., object]
) -> None:
    model.script(Text("Use `quill push` [1]."))
    settings = slack_settings(llm_base_url=model.base_url, llm_model=model.name, llm_images=True)
    async with running(settings):  # type: ignore[attr-defined]
        act = await slack.say(f"<@U0BOT> {PUSH}", files={"shot.png": b"\x89PNG\r\n\x1a\n00"})
        await slack.wait_for(lambda s: answered(s, act.ts))

    assert "data:image/png;base64,iVBORw0KGgo" in str(model.requests[-1])
    assert "cannot look" not in slack.bot_messages()[0].text


# streams


async def test_words_are_shown_as_they_come_and_the_finished_answer_replaces_them(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    model.script(Text("To store a model in Quillstore, call `quill push` [1].", chunk_size=8))
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))

    [reply] = slack.bot_messages()
    assert "".join(reply.streamed).startswith("To store ")
    assert reply.edits == ["".join(reply.streamed)]
    assert not reply.streaming


async def test_stream_that_dies_loses_nothing(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    over = asyncio.Event()
    model.script(Pause(over, "in Quillstore, call `quill push` [1].", after="To store a model "))
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: any(m.streamed for m in s.bot_messages()))
    slack.break_streams()
    over.set()
    await slack.wait_for(lambda s: answered(s, act.ts))

    [reply] = slack.bot_messages()
    assert reply.text.startswith("To store a model in Quillstore, call `quill push` [1].")


@pytest.mark.usefixtures("channel")
async def test_steps_of_the_crew_are_tasks(slack: SlackDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "APPEND_SECONDS", 0)  # every step is shown, however quick the machine is
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))
    await slack.click("deeper", slack.bot_messages()[0])
    await slack.wait_for(lambda s: answered(s, act.ts, 2), timeout=90)

    titles = [task["title"] for task in slack.bot_messages()[1].tasks.values()]
    assert any("MLOps Research Specialist" in title for title in titles)


async def test_the_word_stop_stops_the_answer(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    model.script(Hang("To store a model "))
    act = await slack.mention(PUSH)
    await model.wait_for(lambda m: m.requests)
    await slack.say("stop", thread_ts=act.ts)
    await slack.wait_for(lambda s: "_Stopped._" in s.bot_messages()[0].text)
    await settled(slack)

    assert len(slack.bot_messages()) == 1


# the home and the assistant's container


async def test_home_shows_what_is_known_and_the_persons_conversations(services: Services, slack: SlackDouble) -> None:  # noqa: ARG001
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))
    await slack.event({"type": "app_home_opened", "user": "U0ADA", "tab": "home", "channel": "D0ADA"})
    [home] = await slack.wait_for(lambda s: s.views)

    shown = str(home["blocks"])
    assert f"{PUSH}](" in shown
    assert "`speaks` threads" in shown


@pytest.mark.parametrize("agent_view", [False, True])
async def test_questions_are_suggested_when_the_assistant_is_opened(
    channel: SlackChannel, slack: SlackDouble, agent_view: bool  # noqa: ARG001
) -> None:  # fmt: skip
    for person in ("U0ADA", "U0LIN"):
        asked = await slack.mention(PUSH, user=person)
        await slack.wait_for(lambda s, thread=asked.ts: answered(s, thread))
    root = await slack.direct_message("New thread", user="U0LIN")
    thread = {"user_id": "U0ADA", "channel_id": "D0ADA", "thread_ts": root.ts}
    opened_now = {"type": "app_home_opened", "tab": "messages", "user": "U0ADA", "channel": "D0ADA"}
    await slack.event(opened_now if agent_view else {"type": "assistant_thread_started", "assistant_thread": thread})
    [suggested] = await slack.wait_for(lambda s: s.prompts)

    assert {"title": PUSH, "message": PUSH} in suggested["prompts"]
    assert ("thread_ts" in suggested) is not agent_view


@pytest.mark.usefixtures("channel")
async def test_conversation_with_the_assistant_has_a_status_and_a_title(slack: SlackDouble) -> None:
    root = await slack.direct_message("hello?")
    await slack.wait_for(lambda s: s.bot_messages("D0ADA"))
    await slack.direct_message(PUSH, thread_ts=root.ts)
    await slack.wait_for(lambda s: answered(s, root.ts))
    await slack.wait_for(lambda s: s.titles)

    assert slack.titles == [PUSH]
    assert [status.status for status in slack.statuses] == ["is looking into it…"]


# what was missed


async def heard_last(settings: Settings, ago: timedelta) -> None:
    """Writes down when a process that is gone listened for the last time."""
    database = Database(settings.sqlalchemy_url)
    async with database.begin() as db:
        db.add(WatchRow(platform="slack", workspace=TEAM, heard_until=datetime.now(UTC) - ago))
    await database.close()


async def test_question_asked_while_nobody_listened_is_answered_late_once_and_says_so(
    slack_settings: Callable[..., Settings], slack: SlackDouble, running: Callable[..., object]
) -> None:
    settings = slack_settings(slack_signing_secret="s", slack_app_token=None)
    await heard_last(settings, timedelta(hours=1))
    missed = slack._store("C0HELP", "U0ADA", f"<@U0BOT> {PUSH}", None)
    missed.ts = f"{(datetime.now(UTC) - timedelta(minutes=30)).timestamp():.6f}"
    slack._store("C0HELP", "U0LIN", "just talk", None)

    for _ in range(2):
        async with running(settings):  # type: ignore[attr-defined]
            await slack.wait_for(lambda s: answered(s, missed.ts))
            await slack.wait_for(lambda s: [c.method for c in s.calls].count("conversations.history") % 4 == 0)

    [reply] = slack.bot_messages()
    assert "This comes late: you asked 30 minutes ago, while I was away." in reply.text


async def test_first_start_ever_answers_nothing_of_before(
    slack_settings: Callable[..., Settings], slack: SlackDouble, running: Callable[..., object]
) -> None:
    slack._store("C0HELP", "U0ADA", f"<@U0BOT> {PUSH}", None)
    async with running(slack_settings()):  # type: ignore[attr-defined]
        act = await slack.mention(PUSH)
        await slack.wait_for(lambda s: answered(s, act.ts))
        await settled(slack)

    assert len(slack.bot_messages()) == 1


async def test_socket_that_stays_closed_is_built_anew(
    channel: SlackChannel, slack: SlackDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_app, "WATCH_SECONDS", 0.01)
    monkeypatch.setattr(slack_app, "DEAF_SECONDS", 0.01)
    assert channel._socket
    await channel._socket.close_async()
    channel._later(channel._watch())
    act = await slack.mention(PUSH)

    await slack.wait_for(lambda s: answered(s, act.ts))


# the manifest

METHODS = {
    "app_mentions:read": set[str](),
    "assistant:write": {"assistant.threads.setStatus", "assistant.threads.setSuggestedPrompts"},
    "channels:history": {"conversations.history", "conversations.replies"},
    "channels:read": {"users.conversations"},
    "chat:write": {"chat.postMessage", "chat.update", "chat.delete", "chat.startStream", "chat.postEphemeral"},
    "commands": set[str](),
    "files:read": set[str](),
    "files:write": {"files.getUploadURLExternal"},
    "reactions:write": {"reactions.add"},
    "users:read": {"users.info"},
}
"""What each scope is for: methods that the code calls, or events that it hears."""


def called_methods() -> str:
    """The text of the channel, in which a method is called by its name."""
    return "\n".join(path.read_text() for path in (ROOT / "bot" / "slack").glob("*.py"))


def test_manifest_asks_for_the_scopes_that_the_code_checks_and_no_others() -> None:
    assert set(MANIFEST["oauth_config"]["scopes"]["bot"]) == SCOPES


@pytest.mark.parametrize(("scope", "methods"), METHODS.items())
def test_every_scope_is_for_something_that_the_code_does(scope: str, methods: set[str]) -> None:
    text = called_methods()

    assert scope in SCOPES
    for method in methods:
        name = method.replace(".", "_")
        wrapped = {"files_getUploadURLExternal": "files_upload_v2", "chat_startStream": "chat_stream"}
        assert f".{wrapped.get(name, name)}(" in text, method


def test_manifest_names_every_command_shortcut_and_event() -> None:
    features, events = MANIFEST["features"], MANIFEST["settings"]["event_subscriptions"]["bot_events"]

    assert {command["command"] for command in features["slash_commands"]} == {"/ask", "/crew", "/assistant"}
    assert {shortcut["callback_id"] for shortcut in features["shortcuts"]} == {"ask_about_message"}
    assert {"app_mention", "message.im", "app_home_opened", "assistant_thread_started"} <= set(events)


# an answer beyond the platform's reach


async def test_very_long_answer_comes_whole_as_a_file(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    code = "\n".join(f"line {n:04} of the program, padded to some length" for n in range(780))
    model.script(Text(f"Run this [1]:\n\n```python\n{code}\n```\n\nDone.", chunk_size=4_000))
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))
    [upload] = await slack.wait_for(lambda s: [u for u in s.uploads.values() if "content" in u])
    await settled(slack)

    said = [message for message in slack.bot_messages(thread_ts=act.ts) if not message.files]
    assert len(said) == 3
    assert upload["name"] == "answer.md"
    assert code in upload["content"]
    assert "**Sources**" in upload["content"]
