from nicegui import ui
from nicegui.testing import User

from core.bootstrap import Services
from core.errors import ChannelError

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
    timer = next(timer for timer in owner.current_layout.descendants() if isinstance(timer, ui.timer))
    await owner.should_see("measured 1 times", retries=PATIENCE)

    with owner:
        await timer.callback()  # as the timer does when its interval has passed

    await owner.should_see("measured 2 times", retries=PATIENCE)
