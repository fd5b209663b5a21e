import pytest
from nicegui.testing import User

from core.bootstrap import Services
from core.errors import StorageError


async def test_address_without_a_page_is_answered_in_the_console(owner: User) -> None:
    reply = await owner.http_client.get("/nothing/here")

    assert reply.status_code == 404
    assert "No such page" in reply.text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StorageError("The database cannot be reached.", detail="secret detail"), "The database cannot be reached."),
        (RuntimeError("secret detail"), "Something broke while this page was built"),
    ],
)
async def test_page_that_cannot_be_built_tells_a_sentence(
    owner: User, console_services: Services, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    async def broken(session_id: str) -> None:  # noqa: ARG001
        raise error

    monkeypatch.setattr(console_services.sessions, "find", broken)

    reply = await owner.http_client.get("/sessions/any")

    assert reply.status_code == 500
    assert said in reply.text
    assert "secret detail" not in reply.text
