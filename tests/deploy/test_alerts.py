"""Alerts and dashboard are about metrics that a running service tells, and each alert has its page."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bot.http.app import create_app
from core.bootstrap import Services, open_services
from core.operations.metrics import BACKED_UP
from core.settings import Settings
from tests.emulators.language_model import Failure, ScriptedModel, Text

ROOT = Path(__file__).parents[2]
OBSERVE = ROOT / "deploy" / "observe"
RULES: list[dict[str, Any]] = yaml.safe_load((OBSERVE / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]


def metrics_of(expression: str) -> set[str]:
    return set(re.findall(r"assistant_[a-z_]+", expression))


def labels_of(expression: str) -> list[tuple[str, str, str]]:
    """(metric, label, value) of every selector."""
    selectors = re.findall(r"(assistant_[a-z_]+)\{([^}]*)\}", expression)
    return [(name, *pair) for name, inside in selectors for pair in re.findall(r'(\w+)="([^"]*)"', inside)]


@asynccontextmanager
async def told(services: Services) -> AsyncIterator[dict[str, list[dict[str, str]]]]:
    """The labels of every sample that a service tells once it has answered, quoted and refused."""
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for question in ("How do I push a model to Quillstore?",) * 2 + ("Who won the cup in 1954?",):
            assert (await client.post("/chat", json={"message": question})).is_success
        text = (await client.get("/metrics")).text
    samples: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append(sample.labels)
    yield samples


async def test_every_metric_of_alerts_and_dashboard_is_told(ready_settings: Callable[..., Settings]) -> None:
    dashboard = (OBSERVE / "grafana" / "dashboards" / "assistant.json").read_text(encoding="utf-8")
    panels = [target["expr"] for panel in json.loads(dashboard)["panels"] for target in panel.get("targets", [])]
    async with ScriptedModel() as model:
        model.script(Text("Use `quillstore push` [1]."), Failure(400))
        settings = ready_settings(llm_base_url=model.base_url, llm_model=model.name, llm_retries=0)
        async with open_services(settings) as services:
            await services.audit.note(BACKED_UP, "folder")
            async with told(services) as samples:
                for expression in [*panels, *(rule["expr"] for rule in RULES)]:
                    assert metrics_of(expression) <= samples.keys(), expression
                    for name, label, value in labels_of(expression):
                        known = {sample.get(label) for sample in samples[name]}
                        assert value in known | {"failed"}, f"{name} has {label}={known}"
    assert len(panels) > 10


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alert_has_its_page(rule: dict[str, Any]) -> None:
    page = ROOT / rule["annotations"]["runbook"]
    said = page.read_text(encoding="utf-8")
    assert page.name == f"{rule['alert']}.md"
    assert said.startswith(f"# {rule['alert']}\n")
    assert [line for line in said.splitlines() if line.startswith("## ")] == [
        "## Look",
        "## Mend",
        "## It is over when",
    ]
    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_every_page_has_its_alert() -> None:
    pages = {page.stem for page in (ROOT / "docs" / "runbooks").glob("*.md")}
    assert pages == {rule["alert"] for rule in RULES}
