"""What this installation consists of, and the report on a fault, in which no secret stands."""

import io
import json
import logging
import zipfile
from collections.abc import Callable
from dataclasses import replace

from core.bootstrap import Services, open_services
from core.domain.conversation import Mode
from core.operations.inventory import Disk, told
from core.operations.recent_log import RecentLog
from core.settings import Settings
from core.version import VERSION

SECRETS = {
    "slack_bot_token": "xoxb-1234567890-abcdefghij",
    "slack_signing_secret": "0123456789abcdef0123456789abcdef",
    "llm_api_key": "sk-abcdefghijklmnopqrstuvwxyz",
    "llm_base_url": "http://127.0.0.1:9/v1",
    "admin_password": "a fine console password",
    "api_key": "a-key-for-callers-42",
}


async def test_stock_tells_versions_disk_queues_and_plans(services: Services) -> None:
    await services.curator.change("knowledge", {"schedule": "0 6 * * *"})
    stock = await services.inventory.take()

    assert stock.software["MLOps Assistant"] == VERSION
    assert stock.software["Database"] == "SQLite"
    assert stock.disk.free <= stock.disk.total
    assert stock.disk.used["index"] > 0
    assert [(queue.mode, queue.running, queue.waiting) for queue in stock.queues] == [
        (Mode.AGENT, 0, 0),
        (Mode.CREW, 0, 0),
    ]
    assert ("knowledge", 6) in [(planned.what, planned.at.hour) for planned in stock.planned]


def test_disk_is_narrow_below_a_tenth() -> None:
    disk = Disk(total=1_000, free=99, used={})
    assert disk.narrow
    assert not replace(disk, free=100).narrow


async def test_report_holds_what_helps_and_no_secret(ready_settings: Callable[..., Settings]) -> None:
    async with open_services(ready_settings(**SECRETS)) as services:
        archive = zipfile.ZipFile(io.BytesIO(await services.inventory.report(await services.health.measure())))
    texts = {name: archive.read(name).decode() for name in archive.namelist()}

    assert set(texts) == {"health.json", "stock.json", "settings.json", "log.txt"}
    assert json.loads(texts["health.json"])["parts"][0]["name"] == "database"
    assert json.loads(texts["settings.json"])["llm_base_url"] == SECRETS["llm_base_url"]
    for name in SECRETS.keys() - {"llm_base_url"}:
        assert not any(SECRETS[name] in text for text in texts.values())


def test_log_keeps_the_latest_lines_without_secrets() -> None:
    log = RecentLog(lines=2)
    logger = logging.getLogger("test of the log")
    logger.addHandler(log)
    for said in ("first", "second", "Slack refused xoxb-1234567890-abcdefghij"):
        logger.warning(said)

    assert [line.split(": ", 1)[1] for line in log.lines()] == ["second", "Slack refused [masked: Slack token]"]


def test_password_in_an_address_is_not_told(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(database_url="postgresql://someone:hunter22x@127.0.0.1:1/nowhere")
    said = told(settings)
    assert "someone" in said
    assert "hunter22x" not in said
