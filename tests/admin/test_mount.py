"""The console below /admin of the service: how it starts beside whatever else the process is doing."""

import gc

import pytest
from fastapi import FastAPI

from admin.auth import console_access
from admin.mount import mount_console
from core.bootstrap import Services


@pytest.mark.usefixtures("fresh_nicegui")
async def test_start_looks_at_no_object_that_another_thread_may_be_building(
    console_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    def look(*_: object) -> list[object]:
        looks.append("at all objects")
        return []

    app = FastAPI()
    mount_console(app, console_services, console_access(console_services.settings))
    with monkeypatch.context() as patch:
        patch.setattr(gc, "get_objects", look)
        async with app.router.lifespan_context(app):
            pass
    assert looks == []
