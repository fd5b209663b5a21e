"""The double of a language model as a service of the stack: each answer takes a second, so that kills meet answers."""

import asyncio

from tests.emulators.language_model import Json, Pause, Reply, ScriptedModel

SECONDS = 1.0


def slowly(_: Json) -> Reply:
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(SECONDS, over.set)
    return Pause(over, "Quillstore keeps trained models [1].")


async def main() -> None:
    async with ScriptedModel(host="0.0.0.0", port=8000) as model:  # noqa: S104 - inside a container
        model.respond_with(slowly)
        await asyncio.Event().wait()


asyncio.run(main())
