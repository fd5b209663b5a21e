"""The whole program in a process of its own, from start to stop."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from typing import Any

import httpx

from tests.emulators.language_model import Failure, ScriptedModel, Text
from tests.emulators.slack import SlackDouble
from tests.serving import free_port

PUSH = "How do I push a model to Quillstore?"

Make = Callable[..., Any]


def rows(assistant: Any, query: str) -> list[Any]:
    with sqlite3.connect(assistant.var_dir / "assistant.db") as database:
        return database.execute(query).fetchall()


def last_run(assistant: Any) -> tuple[str, str]:
    return rows(assistant, "SELECT trigger, status FROM refresh_runs ORDER BY id DESC LIMIT 1")[0]


async def start_refreshes_ended(assistant: Any, count: int) -> None:
    """Every start looks once whether the pages have changed."""

    async def ended() -> bool:
        return len(rows(assistant, "SELECT id FROM refresh_runs WHERE trigger='start' AND status!='running'")) == count

    await assistant.until(ended)


async def test_a_day_of_the_service(assistant: Any) -> None:
    versions = rows(assistant, "SELECT id FROM index_versions")
    await assistant.start()
    async with httpx.AsyncClient(base_url=assistant.url, timeout=30) as client:
        asked, mine = await asyncio.gather(
            client.post("/chat", json={"message": PUSH, "session_id": "mine"}),
            assistant.run("ask", "How do I write a Drumline beat?", "--session", "mine"),
        )
        history = (await client.get("/history/mine")).json()
        console = await client.get("/admin", follow_redirects=True)
        strange = await assistant.run("ask", "How do I push\u2028a model to Quillstore?")
        doctor = await assistant.run("doctor")
        second = await assistant.run("serve", port=assistant.port + 1)
        refreshed = await assistant.run("refresh")
        too_long = await assistant.run("ask", "x" * 100_000)

    assert asked.status_code == 200
    assert "quill push churn" in asked.json()["response"]
    assert (mine.returncode, mine.stderr) == (0, "")
    assert "beat: every monday at 06:00" in mine.stdout
    assert "Sources" in mine.stdout
    assert {message["text"] for message in history["messages"] if message["role"] == "user"} == {
        PUSH,
        "How do I write a Drumline beat?",
    }
    assert (console.status_code, "password" in console.text.lower()) == (200, True)
    assert (strange.returncode, strange.stderr) == (0, "")
    assert "quill push churn" in strange.stdout
    assert doctor.returncode == 0, doctor.stdout
    assert f"(in the service at {assistant.url})" in doctor.stdout
    assert second.returncode == 1
    assert second.stderr.startswith("✗ Another process already uses")
    assert "✓ No page has changed" in refreshed.stdout
    assert (too_long.returncode, "Traceback" in too_long.stderr) == (1, False)
    assert "8000" in too_long.stderr.replace(",", "")

    await start_refreshes_ended(assistant, 1)
    assert await assistant.stop() == 0, assistant.said
    assert "Traceback" not in assistant.said
    assert not (assistant.var_dir / "owner.json").exists()

    await assistant.start()
    await start_refreshes_ended(assistant, 2)
    assert await assistant.stop() == 0
    assert rows(assistant, "SELECT id FROM index_versions") == versions
    assert last_run(assistant) == ("start", "unchanged")
    assert list((assistant.folder / "home").iterdir()) == []
    assert list((assistant.folder / "cwd").iterdir()) == []


async def test_command_asks_the_service_of_this_machine_whatever_its_public_address(make_assistant: Make) -> None:
    assistant = make_assistant(public_url="https://mlops.invalid", api_key="the key of the service")
    await assistant.start()

    asked = await assistant.run("ask", PUSH)
    doctor = await assistant.run("doctor")

    assert asked.returncode == 0, asked.stderr
    assert "https://mlops.invalid/admin/knowledge/quillstore.md" in asked.stdout
    assert [line.partition(":")[0] for line in doctor.stdout.splitlines() if line[0] == "✗"] == ["✗ public address"]
    assert await assistant.stop() == 0


async def test_service_told_to_stop_in_the_middle_of_an_answer_stops_and_says_so(make_assistant: Make) -> None:
    async with ScriptedModel() as model:
        assistant = make_assistant(llm_base_url=model.base_url, llm_model=model.name)
        model.respond_with(lambda _: Text("word " * 50))
        await assistant.start()
        async with httpx.AsyncClient(base_url=assistant.url, timeout=30) as client:
            reply = await client.post("/chat", json={"message": PUSH})
        assert reply.status_code == 200
        assert await assistant.stop() == 0, assistant.said


async def test_wrong_slack_token_ends_the_service_with_a_sentence(make_assistant: Make) -> None:
    async with SlackDouble() as slack:
        assistant = make_assistant(
            slack_bot_token="xoxb-wrong", slack_app_token=slack.app_token, slack_api_url=slack.api_url
        )
        await assistant.serve()

        assert await assistant.ended() == 1
        assert "✗ Slack refused SLACK_BOT_TOKEN (invalid_auth)." in assistant.said
        assert "Traceback" not in assistant.said


async def test_service_without_http_is_watched_at_a_port_of_its_own_and_logs_its_turns(make_assistant: Make) -> None:
    async with SlackDouble() as slack, ScriptedModel() as model:
        model.respond_with(lambda _: Failure(400))
        assistant = make_assistant(
            slack_bot_token=slack.bot_token, slack_app_token=slack.app_token, slack_api_url=slack.api_url,
            llm_base_url=model.base_url, llm_model=model.name, log_format="json", metrics_port=free_port(),
        )  # fmt: skip
        await assistant.serve("--roles", "slack")
        asked = await slack.mention(PUSH)
        await slack.wait_for(lambda s: any("**Sources**" in m.text for m in s.bot_messages()), timeout=60)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{assistant.settings['metrics_port']}") as client:
            health, metrics = await client.get("/health"), await client.get("/metrics")

        assert await assistant.stop() == 0, assistant.said
        assert slack.violations == []

    lines = [json.loads(line) for line in assistant.said.splitlines() if line.startswith("{")]
    [failed] = [line for line in lines if line["logger"] == "core.answering.language_models.chain"]
    assert failed["turn"].endswith(asked.ts)
    assert (failed["platform"], failed["level"], "HTTP 400" in failed["message"]) == ("slack", "WARNING", True)
    assert failed["session"].endswith(asked.ts)
    assert "Traceback" not in assistant.said
    assert health.json()["parts"]["slack"]["state"] == "up"
    assert 'assistant_turns_total{mode="agent",outcome="answered",platform="slack"} 1.0' in metrics.text
    assert 'assistant_part_up{part="slack"} 1.0' in metrics.text
