import io
import zipfile

import pytest
from nicegui import ui
from nicegui.testing import User

from admin.components.stock import size
from core.bootstrap import Services
from core.errors import ChannelError
from core.version import VERSION

PATIENCE = 100


async def test_every_part_is_shown_with_its_state(owner: User) -> None:
    await owner.open("/health")

    await owner.should_see("Ready to answer", retries=PATIENCE)
    for text in ("Database", "Index", "Embedding model", "all-MiniLM-L6-v2", "Up", "Off", " ms"):
        await owner.should_see(text)


async def test_part_that_is_down_says_why(owner: User, console_services: Services) -> None:
    async def refused() -> str:
        raise ChannelError("Slack refused the token. Correct SLACK_BOT_TOKEN.")

    console_services.health.add("slack", refused, needed=True)
    await owner.open("/health")

    await owner.should_see("Slack refused the token.", retries=PATIENCE)
    await owner.should_see("Questions cannot be answered now")
    await owner.should_see("Down")


async def test_parts_are_measured_again_while_somebody_looks(owner: User, console_services: Services) -> None:
    measured = 0

    async def counted() -> str:
        nonlocal measured
        measured += 1
        return f"measured {measured} times"

    console_services.health.add("counter", counted)
    await owner.open("/health")
    timer = next(each for each in owner.current_layout.descendants() if isinstance(each, ui.timer))
    await owner.should_see("measured 1 times", retries=PATIENCE)

    with owner:
        await timer.callback()  # as the timer does when its interval has passed

    await owner.should_see("measured 2 times", retries=PATIENCE)


async def test_what_there_is_and_what_is_planned_is_told(owner: User, console_services: Services) -> None:
    await console_services.curator.change("knowledge", {"schedule": "0 6 * * *"})
    await owner.open("/health")

    for text in ("Refresh of knowledge", "0 questions being answered, 0 waiting", "free", f"MLOps Assistant {VERSION}"):
        await owner.should_see(text, retries=PATIENCE)


async def test_report_is_downloaded_by_those_who_are_logged_in(owner: User, visitor: User) -> None:
    reply = await owner.http_client.get("/health/report.zip")
    assert reply.headers["content-type"] == "application/zip"
    assert "log.txt" in zipfile.ZipFile(io.BytesIO(reply.content)).namelist()

    assert (await visitor.http_client.get("/health/report.zip")).status_code == 303


@pytest.mark.parametrize(("number", "said"), [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (2_340_000_000, "2.3 GB")])
def test_sizes_are_said_for_people(number: int, said: str) -> None:
    assert size(number) == said
