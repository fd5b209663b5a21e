"""What a Prometheus reads: figures of turns, models and parts, for whoever may see them."""

from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.http.app import create_watch_app
from core.domain.people import KeyScope
from tests.emulators.language_model import Failure, ScriptedModel, Text

PUSH = "How do I push a model to Quillstore?"
TOKEN = "a long random token"
NAME = "metered-model"

Samples = dict[tuple[str, ...], float]


async def scraped(caller: Any) -> Samples:
    """Every sample, by its name and the values of its labels in the order of their names."""
    reply = await caller.get("/metrics")
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(reply.text)
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


async def test_turn_is_counted_with_its_times_tokens_and_cost(calling: Any) -> None:
    async with (
        ScriptedModel(name=NAME) as model,
        calling(llm_base_url=model.base_url, llm_model=NAME, llm_prices={NAME: (1, 2)}, llm_retries=0) as caller,
    ):
        place = model.base_url.removeprefix("http://").removesuffix("/v1")
        model.script(Text("Use `quillstore push` [1]."), Failure(400))
        before = await scraped(caller)
        await caller.post("/chat", json={"message": PUSH})
        await caller.post("/chat", json={"message": PUSH})
        after = await scraped(caller)

    def gained(*sample: str) -> float:
        return after.get(sample, 0) - before.get(sample, 0)  # the process is shared by tests

    assert gained("assistant_turns_total", "agent", "answered", "http") == 2, "the second one quotes"
    assert gained("assistant_turn_seconds_count", "agent", "http") == 2
    assert gained("assistant_first_text_seconds_count", "agent") == 2
    assert gained("assistant_model_call_seconds_count", place, NAME) == 1
    assert gained("assistant_model_failures_total", place) == 1
    tokens = [gained("assistant_tokens_total", kind, NAME) for kind in ("in", "out", "cached")]
    assert all(tokens)
    assert gained("assistant_cost_dollars_total", NAME) == pytest.approx((tokens[0] + 2 * tokens[1]) / 1e6)
    assert after["assistant_endpoint_resting", place] == 0


async def test_parts_queue_index_refreshes_and_connections_are_told(caller: Any) -> None:
    now = await scraped(caller)

    assert now["assistant_part_up", "database"] == now["assistant_part_up", "index"] == 1
    assert ("assistant_part_up", "language model") not in now, "a scrape asks nobody else's machine"
    assert now["assistant_queue_length", "agent"] == now["assistant_turns_running", "crew"] == 0
    assert now["assistant_refreshes_total", "promoted", "test"] == 1
    assert now["assistant_refresh_success_timestamp_seconds",] >= now["assistant_index_timestamp_seconds",] > 1.7e9
    assert now["assistant_database_connections", "most"] > 0
    assert now["assistant_index_passages",] > 0
    assert ("assistant_backup_timestamp_seconds",) not in now, "there was none"


async def test_database_that_is_away_is_told_not_a_failed_scrape(caller: Any) -> None:
    for part in caller.services.settings.var_dir.glob("assistant.db*"):
        part.unlink()

    assert (await scraped(caller))["assistant_part_up", "database"] == 0


@pytest.mark.parametrize("key", [None, "a long random key"], ids=["with METRICS_TOKEN alone", "with API_KEY too"])
async def test_metrics_are_closed_but_to_the_token_and_to_keys_for_them(calling: Any, key: str | None) -> None:
    async with calling(metrics_token=TOKEN, api_key=key) as caller:
        _, scraper = await caller.services.keys.make("prometheus", [KeyScope.METRICS], 1)
        _, reader = await caller.services.keys.make("reader", [KeyScope.READ], 1)
        sent = ["", "guessed", TOKEN, scraper, reader, *([key] if key else [])]
        replies = [await caller.get("/metrics", headers={"Authorization": f"Bearer {each}"}) for each in sent]
        chat = await caller.post("/chat", json={"message": ""}, headers={"Authorization": f"Bearer {TOKEN}"})

    assert [reply.status_code for reply in replies] == [401, 401, 200, 200, 403, *([200] if key else [])]
    assert "lacks the scope metrics" in replies[4].json()["detail"]
    assert chat.status_code == (401 if key else 422), "the token opens nothing else"


async def test_page_of_another_site_does_not_read_open_metrics(caller: Any) -> None:
    assert (await caller.get("/metrics", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403


async def test_process_without_http_answers_health_and_metrics_alone(services: Any) -> None:
    transport = httpx.ASGITransport(create_watch_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://worker.test") as client:
        assert (await client.get("/health")).json()["ok"]
        assert "assistant_build_info{version=" in (await client.get("/metrics")).text
        assert {(await client.get(path)).status_code for path in ("/", "/sources", "/docs")} == {404}
