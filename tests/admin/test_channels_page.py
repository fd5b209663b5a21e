"""The settings of channels in the console: found by their ids, set one by one, refused in words."""

import pytest
from nicegui import ui
from nicegui.testing import User

from core.bootstrap import Services
from core.domain.channels import Address, DraftState, Speaks
from core.domain.conversation import Answer, Manner, Question, SessionKey
from core.storage.errands import Errands

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


async def a_draft(services: Services) -> str:
    session = SessionKey("slack", "T0DOUBLE", "C0HELP", "1.0")
    question = Question(session, "What is drift?", "slack:draft", "U0ADA", manner=Manner.DRAFT)
    await services.turns.claim(question)
    message_id = str(await services.turns.complete(question.event_id, Answer("It is **this** <b>raw</b>.")))
    await services.aftercare.draft(message_id, "C0OPS:1.0")
    return message_id


@pytest.mark.parametrize(
    ("button", "state", "said"),
    [("post", DraftState.POSTED, "It is posted where"), ("discard", DraftState.DISCARDED, "It was discarded")],
)
async def test_draft_is_decided_on(
    owner: User, console_services: Services, button: str, state: DraftState, said: str
) -> None:
    message_id = await a_draft(console_services)
    await owner.open("/channels")
    await owner.should_see("What is drift?")
    owner.find(marker=button).click()
    await owner.should_see(said)
    await owner.should_not_see("What is drift?")

    draft = await console_services.aftercare.draft_of(message_id)
    assert draft
    assert (draft.state, draft.decided_by) == (state, "owner")
    assert await Errands(console_services.turns._database).take("slack")
    assert [change.who for change in await console_services.audit.latest(5)] == ["owner"]


async def test_draft_that_was_decided_on_in_chat_meanwhile_says_so(owner: User, console_services: Services) -> None:
    message_id = await a_draft(console_services)
    await owner.open("/channels")
    await owner.should_see("What is drift?")
    await console_services.aftercare.decide(message_id, "U0LIN", post=True)
    owner.find(marker="discard").click()
    await owner.should_see("Somebody decided on this draft before")


async def test_settings_of_a_workspace_are_as_by_default(owner: User) -> None:
    await owner.open("/channels/settings?platform=slack&workspace=T0DOUBLE")
    await owner.should_see("as by default (threads)")
