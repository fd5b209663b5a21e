"""Whether the language model's endpoint is there and takes the key."""

import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from core.errors import ModelError, ModelRejected
from core.operations.endpoint import reach_fallbacks, reach_model
from core.settings import Settings, load_settings
from tests.emulators.language_model import ScriptedModel


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(api_key="right") as double:
        yield double


def settings_for(url: str, **fields: str) -> Settings:
    return load_settings(llm_base_url=url, **fields)


async def test_endpoint_that_takes_the_key_is_fine_and_asked_for_no_answer(model: ScriptedModel) -> None:
    await reach_model(settings_for(model.base_url, llm_api_key="right"))
    assert model.requests == []


async def test_wrong_key_is_told_without_the_key(model: ScriptedModel) -> None:
    with pytest.raises(ModelRejected, match=r"refused the key\. Correct LLM_API_KEY") as told:
        await reach_model(settings_for(model.base_url, llm_api_key="wrong-4711"))
    assert not told.value.retry_may_help
    assert "wrong-4711" not in str(told.value)


async def test_endpoint_without_keys_is_asked_without_one() -> None:
    async with ScriptedModel() as open_model:
        await reach_model(settings_for(open_model.base_url))


async def test_endpoint_that_is_not_there_is_told() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    with pytest.raises(ModelError, match=f"{url} cannot be reached") as told:
        await reach_model(settings_for(url))
    assert told.value.retry_may_help


@pytest.mark.parametrize(("status", "kind"), [(500, ModelError), (503, ModelError), (403, ModelRejected)])
async def test_failing_endpoint_is_told_by_its_status(status: int, kind: type[ModelError]) -> None:
    async with answering_with(status) as url:
        with pytest.raises(kind):
            await reach_model(settings_for(url))


@pytest.mark.parametrize("status", [404, 405, 429])
async def test_endpoint_that_lists_no_models_is_there_all_the_same(status: int) -> None:
    async with answering_with(status) as url:
        await reach_model(settings_for(url))


async def test_no_model_set_up_is_nothing_to_reach() -> None:
    await reach_model(load_settings())


async def test_fallback_that_is_away_is_told_by_its_setting(model: ScriptedModel) -> None:
    async with ScriptedModel() as gone:
        away = {"base_url": gone.base_url, "model": "other"}
    good = {"base_url": model.base_url, "model": "other", "api_key": "right"}
    settings = load_settings(llm_base_url=model.base_url, llm_api_key="right", llm_fallbacks=[good, away])
    await reach_model(settings)
    with pytest.raises(ModelError, match="correct LLM_FALLBACKS") as told:
        await reach_fallbacks(settings)
    assert away["base_url"] in told.value.said


async def test_key_that_no_header_can_carry_is_told(model: ScriptedModel) -> None:
    with pytest.raises(ModelError):
        await reach_model(settings_for(model.base_url, llm_api_key="schlüssel…"))


class answering_with:  # noqa: N801 - used as a context
    """A server that answers everything with one status."""

    def __init__(self, status: int) -> None:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(status=status)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return "http://{}:{}/v1".format(*self._runner.addresses[0])

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
