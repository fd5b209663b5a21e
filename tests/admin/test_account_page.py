"""One's own account: another password, and every browser logged out."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from nicegui import ui
from nicegui.testing import User

from core.bootstrap import Services
from core.domain.people import Role

LogIn = Callable[..., Awaitable[httpx.Response]]

CHOSEN = "a password of my own"


@pytest.fixture
async def ada(visitor: User, log_in: LogIn, console_services: Services) -> tuple[User, str]:
    """Somebody who was just added and has logged in, and the password."""
    _, password = await console_services.people.add("ada", Role.VIEWER)
    await log_in(visitor, password, name="ada")
    await visitor.open("/account")
    return visitor, password


def fill(user: User, old: str, new: str, again: str) -> None:
    first, second = sorted(user.find(marker="new-password", kind=ui.input).elements, key=lambda each: each.id)
    next(iter(user.find(marker="current-password", kind=ui.input).elements)).set_value(old)
    first.set_value(new)
    second.set_value(again)
    user.find(marker="change").click()


async def test_first_password_is_replaced_and_then_the_console_opens(ada: tuple[User, str], log_in: LogIn) -> None:
    user, password = ada
    fill(user, password, CHOSEN, CHOSEN)
    await user.should_see("Your password was changed. Log in with the new one.", retries=20)
    assert "Your password was changed" in (await user.http_client.get("/login?changed")).text

    assert (await user.http_client.get("/account")).status_code == 303
    assert (await log_in(user, CHOSEN, name="ada")).status_code == 303
    assert (await user.http_client.get("/sessions")).status_code == 200


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [("wrong", CHOSEN, CHOSEN, "not your password of now"), ("", CHOSEN, CHOSEN + "s", "twice alike"),
     ("", "short", "short", "12 to 200 characters")],
)  # fmt: skip
async def test_change_that_cannot_be_is_refused_in_words(
    ada: tuple[User, str], console_services: Services, old: str, new: str, again: str, said: str
) -> None:
    user, password = ada
    fill(user, old or password, new, again)

    await user.should_see(said, retries=20)
    assert [change.action for change in await console_services.audit.latest(5)] == ["user.add"]


async def test_everybody_logs_out_everywhere(owner: User, console_services: Services) -> None:
    await owner.open("/account")
    await owner.should_see("set ADMIN_PASSWORD")
    owner.find(marker="everywhere").click()
    await owner.should_see("Log out everywhere?")
    owner.find(marker="agree").click()
    await owner.should_not_see("Log out everywhere?")

    assert (await owner.http_client.get("/sessions")).status_code == 303
    assert [change.who for change in await console_services.audit.latest(5)] == ["owner"]
