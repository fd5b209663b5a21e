"""The record of changes: who, what, before and after; filtered by its address, and read on from page to page."""

import pytest
from nicegui import ui
from nicegui.testing import User

from admin.pages import audit as page
from core.bootstrap import Services
from core.domain.channels import Address
from core.domain.people import acting_as


async def changed_by_several(services: Services) -> None:
    with acting_as("ada"):
        await services.curator.add("guide", {"location": "https://x.test/guide"})
        await services.curator.change("guide", {"product": "Gauge"})
    with acting_as("slack:U0BO"):
        await services.presence.change(Address("slack", "T1", "C1"), "tone", "warm", "U0BO")
        await services.presence.change(Address("slack", "T1", "C1"), "tone", "formal", "U0BO")


async def test_nothing_changed_yet_is_said(owner: User) -> None:
    await owner.open("/people/changes")
    await owner.should_see("Nothing was changed yet")


async def test_change_tells_who_what_before_and_after(owner: User, console_services: Services) -> None:
    await changed_by_several(console_services)
    await owner.open("/people/changes")

    for said in ("guide", "source.add", "by ada", "is Gauge", "was empty", "slack/T1/C1", "by slack:U0BO", "was warm"):
        await owner.should_see(said)


async def test_filters_stand_in_the_address(owner: User, console_services: Services) -> None:
    await changed_by_several(console_services)
    await owner.open("/people/changes?who=ada&subject=guide&kind=source")
    await owner.should_see("source.change")
    await owner.should_not_see("channel.set")

    next(iter(owner.find(marker="kind", kind=ui.select).elements)).set_value("channel")
    await owner.should_see("No such change")
    owner.find(marker="who", kind=ui.input).clear()
    owner.find(marker="subject", kind=ui.input).clear()
    await owner.should_see("channel.set")
    await owner.should_not_see("source.change")


@pytest.mark.parametrize("query", ["kind=%3Cscript%3E", "before=x%27--", "who=%25", "subject=%00"])
async def test_nonsense_in_the_address_shows_a_page(owner: User, console_services: Services, query: str) -> None:
    await changed_by_several(console_services)
    assert (await owner.http_client.get(f"/people/changes?{query}")).status_code == 200


async def test_older_changes_are_reached_by_a_link(
    owner: User, console_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", 3)
    await changed_by_several(console_services)
    await owner.open("/people/changes")
    await owner.should_not_see("source.add")
    older = next(link for link in owner.find(kind=ui.link).elements if link.text == "Older")

    await owner.open(str(older.props["href"]))

    await owner.should_see("source.add")
    await owner.should_not_see("source.change")
    await owner.should_see("Latest")
