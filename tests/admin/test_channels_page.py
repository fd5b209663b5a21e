"""The settings of channels in the console: found by their ids, set one by one, refused in words."""

from nicegui import ui
from nicegui.testing import User

from core.bootstrap import Services
from core.domain.channels import Address, Speaks
from core.domain.conversation import Question, SessionKey

HELP = Address("slack", "T0DOUBLE", "C0HELP")
SETTINGS = "/channels/settings?platform=slack&workspace=T0DOUBLE&channel=C0HELP"


async def asked_in_help(services: Services) -> None:
    question = Question(SessionKey("slack", "T0DOUBLE", "C0HELP", "1.0"), "What is drift?", "slack:1", "U0ADA")
    await services.turns.claim(question)


async def test_channels_appear_with_their_workspace_once_somebody_asked(
    owner: User, console_services: Services
) -> None:
    await owner.open("/channels")
    await owner.should_see("No channels yet")

    await asked_in_help(console_services)
    await owner.open("/channels")

    await owner.should_see("Channel C0HELP")
    await owner.should_see("All channels of the workspace")
    await owner.should_see("threads")


async def test_setting_is_saved(owner: User, console_services: Services) -> None:
    await owner.open(SETTINGS)
    owner.find(marker="setting-tone", kind=ui.input).type("warm")
    owner.find(marker="save").click()
    await owner.should_see("Saved: tone.")

    assert (await console_services.presence.settings(HELP)).tone == "warm"


async def test_emptied_setting_is_that_of_the_workspace(owner: User, console_services: Services) -> None:
    presence = console_services.presence
    await presence.change(Address("slack", "T0DOUBLE"), "tone", "formal", "U0OWNER")
    await presence.change(HELP, "tone", "warm", "U0OWNER")
    await owner.open(SETTINGS)
    owner.find(marker="setting-tone", kind=ui.input).clear()
    owner.find(marker="save").click()
    await owner.should_see("Saved: tone.")
    assert (await presence.settings(HELP)).tone == "formal"


async def test_value_that_cannot_be_is_refused_and_the_rest_is_kept(owner: User, console_services: Services) -> None:
    await owner.open(SETTINGS)
    owner.find(marker="setting-sure", kind=ui.input).type("2")
    owner.find(marker="setting-tone", kind=ui.input).type("brief")
    owner.find(marker="save").click()

    await owner.should_see("sure is a probability")
    settings = await console_services.presence.settings(HELP)
    assert (settings.tone, settings.sure, settings.speaks) == ("brief", 0.8, Speaks.THREADS)
