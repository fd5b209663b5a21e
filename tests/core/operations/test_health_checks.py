"""The state of every part: up, down or off, and whether questions can be answered."""

import asyncio
import shutil
from collections.abc import Callable

import pytest

from core.bootstrap import Services, open_services
from core.errors import ModelError
from core.operations import health
from core.operations.health import HealthChecks, PartHealth, State
from core.settings import Settings

MakeSettings = Callable[..., Settings]


async def up() -> str:
    return "12 passages"


async def off() -> None:
    return None


async def refused() -> str:
    raise ModelError("The model is away.", detail="ECONNREFUSED")


async def broken() -> str:
    raise ZeroDivisionError("division by zero")


async def hanging() -> str:
    await asyncio.Event().wait()
    return "never"


async def parts_of(checks: HealthChecks) -> dict[str, PartHealth]:
    return {part.name: part for part in (await checks.measure()).parts}


async def test_parts_are_told_in_the_order_of_their_registration() -> None:
    checks = HealthChecks()
    for name, check in (("c", up), ("a", off), ("b", up)):
        checks.add(name, check)
    parts = (await checks.measure()).parts
    assert [(part.name, part.state, part.detail) for part in parts] == [
        ("c", State.UP, "12 passages"),
        ("a", State.OFF, ""),
        ("b", State.UP, "12 passages"),
    ]
    assert all(part.milliseconds >= 0 for part in parts)


async def test_check_that_raises_is_a_part_that_is_down() -> None:
    checks = HealthChecks()
    checks.add("refused", refused)
    checks.add("broken", broken)
    parts = await parts_of(checks)
    assert (parts["refused"].state, parts["refused"].detail) == (State.DOWN, "The model is away.")
    assert (parts["broken"].state, parts["broken"].detail) == (State.DOWN, "ZeroDivisionError: division by zero")


async def test_check_that_hangs_is_down_and_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.01)
    checks = HealthChecks()
    checks.add("hanging", hanging, needed=True)
    checks.add("up", up)
    parts = await parts_of(checks)
    assert parts["hanging"].state is State.DOWN
    assert parts["hanging"].detail.startswith("no answer within")
    assert parts["up"].state is State.UP


async def test_checks_run_at_once() -> None:
    both = asyncio.Barrier(2)

    async def meet() -> str:
        await both.wait()
        return "met"

    checks = HealthChecks()
    checks.add("one", meet)
    checks.add("two", meet)
    assert {part.state for part in (await checks.measure()).parts} == {State.UP}


@pytest.mark.parametrize(
    ("needed", "other", "ready"), [(up, refused, True), (refused, up, False), (off, up, True), (up, off, True)]
)
async def test_only_needed_parts_decide_whether_questions_can_be_answered(
    needed: health.Check, other: health.Check, ready: bool
) -> None:
    checks = HealthChecks()
    checks.add("needed", needed, needed=True)
    checks.add("other", other)
    assert (await checks.measure()).ready is ready


async def test_part_registered_again_takes_the_place_of_the_first() -> None:
    checks = HealthChecks()
    checks.add("slack", refused)
    checks.add("slack", up)
    assert [(part.name, part.state) for part in (await checks.measure()).parts] == [("slack", State.UP)]


async def test_nothing_registered_is_ready() -> None:
    assert (await HealthChecks().measure()).ready


async def test_services_are_healthy_without_a_language_model(services: Services) -> None:
    measured = await services.health.measure()
    assert measured.ready
    assert {part.name: (part.state, part.needed) for part in measured.parts} == {
        "database": (State.UP, True),
        "index": (State.UP, True),
        "embedding model": (State.UP, True),
        "language model": (State.UP, False),
        "scheduler": (State.OFF, False),
    }
    parts = {part.name: part.detail for part in measured.parts}
    assert "passages of 3 pages" in parts["index"]
    assert "quoted from the knowledge base" in parts["language model"]


async def test_missing_index_makes_the_service_unready(services: Services) -> None:
    shutil.rmtree(services.settings.index_dir)
    measured = await services.health.measure()
    assert not measured.ready
    assert "refresh --rebuild" in next(part.detail for part in measured.parts if part.name == "index")


async def test_language_model_that_is_away_leaves_the_service_ready(ready_settings: MakeSettings) -> None:
    async with open_services(ready_settings(llm_base_url="http://127.0.0.1:9/v1")) as services:
        measured = await services.health.measure()
    assert measured.ready
    assert next(part.state for part in measured.parts if part.name == "language model") is State.DOWN


async def test_schedule_tells_its_next_refresh(ready_settings: MakeSettings) -> None:
    async with open_services(ready_settings(refresh_cron="17 3 * * *")) as services:
        before = await parts_of(services.health)
        services.schedule.start()
        after = await parts_of(services.health)
    assert before["scheduler"].detail == "not started"
    assert after["scheduler"].detail.endswith("03:17 UTC")


async def test_process_without_the_role_has_its_schedule_off(ready_settings: MakeSettings) -> None:
    async with open_services(ready_settings(refresh_cron="17 3 * * *", roles="http")) as services:
        assert (await parts_of(services.health))["scheduler"].state is State.OFF


async def test_database_password_is_not_shown(make_settings: MakeSettings) -> None:
    settings = make_settings(database_url="postgresql://owner:geheim@127.0.0.1:9/assistant")
    async with open_services(settings) as services:
        measured = await services.health.measure()
    assert not measured.ready
    assert "geheim" not in repr(measured)


async def test_last_failure_is_remembered_once_the_part_is_up_again() -> None:
    checks = HealthChecks()
    checks.add("socket", refused)
    await checks.measure()
    checks.add("socket", up)

    [part] = (await checks.measure()).parts

    assert part.state is State.UP
    assert part.failure
    assert part.failure.said == "The model is away."
