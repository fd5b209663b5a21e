"""What is decided in the console comes back to Discord: gaps that were closed, drafts that were decided on; once."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import simcord
from simcord import ChannelHandle, GuildHandle, MemberActor

from bot.discord.client import DiscordChannel
from core.answering.aftercare import Aftercare
from core.answering.errands import ErrandDesk
from core.answering.gaps import GapKeeper
from core.answering.presence import Presence
from core.domain.channels import Address
from core.domain.conversation import Answer, Citation
from core.domain.gaps import Gap, GapState, Order
from core.domain.people import acting_as
from core.knowledge.index.embed import Embedder
from core.storage.audit import Audit
from core.storage.engine import Database
from core.storage.errands import Errands
from core.storage.gaps import Gaps
from core.storage.turns import Turns
from tests.bot.discord.scripted_discord_engine import ScriptedEngine
from tests.bot.discord.visible import first_text, from_the_bot, texts, visible

UNKNOWN = "Which wine goes with grilled octopus?"
CITED = Citation(1, "p", "Wine", (), "https://example.org/admin/cards/7", 0.9, "Assyrtiko")


@pytest.fixture
def gaps(discord_database: Database, packaged_model: Path) -> GapKeeper:
    return GapKeeper(Gaps(discord_database), Embedder(packaged_model), Audit(discord_database))


async def refused(general: ChannelHandle, alice: MemberActor, mention: str, engine: ScriptedEngine) -> ChannelHandle:
    """A thread with a question that is not covered; from now on it is."""
    engine.answer = Answer("I found nothing about this.", covered=False)
    await alice.send(general, f"{mention} {UNKNOWN}")
    engine.answer = Answer("An Assyrtiko [1].", (CITED,))
    return general.threads[0]


async def close(gaps: GapKeeper, errands: ErrandDesk) -> Gap:
    await gaps.look()
    [gap] = await gaps.page(None, Order.LARGEST, 5)
    with acting_as("ada"):
        await gaps.decide(gap.id, GapState.ANSWERED)
        await errands.ask_again(gap.id, await gaps.examples(gap.id))
    return gap


async def test_question_that_was_not_covered_is_answered_in_its_thread_once(
    simcord_env: simcord.Env,
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    agent_engine: ScriptedEngine,
    gaps: GapKeeper,
    errands: ErrandDesk,
) -> None:
    thread = await refused(general, alice, bot_mention, agent_engine)
    gap = await close(gaps, errands)
    await simcord_env.settle()
    with acting_as("ada"):
        await errands.ask_again(gap.id, await gaps.examples(gap.id))
    await simcord_env.settle()

    assert len(from_the_bot(thread)) == 2
    answer = visible(from_the_bot(thread)[1])
    assert "Assyrtiko" in answer
    assert "https://example.org/admin/cards/7" in answer
    assert "This was added to the knowledge base since you asked." in answer
    assert [example.again for example in await gaps.examples(gap.id)] == ["delivered"]


async def test_errand_that_came_while_nobody_spoke_there_is_done_after_the_start_once(
    simcord_env: simcord.Env,
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    agent_engine: ScriptedEngine,
    gaps: GapKeeper,
    discord_database: Database,
    make_discord_channel: Callable[[], Awaitable[DiscordChannel]],
) -> None:
    thread = await refused(general, alice, bot_mention, agent_engine)
    elsewhere = ErrandDesk(
        Errands(discord_database), Turns(discord_database), Audit(discord_database)
    )  # of a process that nobody here hears
    gap = await close(gaps, elsewhere)
    assert len(from_the_bot(thread)) == 1

    await simcord_env.restart_bot((await make_discord_channel()).client)
    await simcord_env.settle()
    await simcord_env.restart_bot((await make_discord_channel()).client)
    await simcord_env.settle()

    assert [first_text(message).partition(" [")[0] for message in from_the_bot(thread)][1:] == ["An Assyrtiko"]
    assert (await gaps.get(gap.id)).state is GapState.ANSWERED


@pytest.mark.parametrize("post", [True, False])
async def test_draft_is_decided_on_in_the_console(
    simcord_env: simcord.Env,
    guild: GuildHandle,
    general: ChannelHandle,
    alice: MemberActor,
    presence: Presence,
    aftercare: Aftercare,
    errands: ErrandDesk,
    *,
    post: bool,
) -> None:
    maintainers = guild.create_text_channel("maintainers")
    here = Address("discord", str(alice.guild.id), str(general.id))
    await presence.change(here, "speaks", "shadow", "test")
    await presence.change(here, "maintainers", str(maintainers.id), "test")
    await alice.send(general, "What is Feast?")
    [draft] = await aftercare.drafts()

    with acting_as("ada"):
        assert await errands.decide(draft.message_id, post=post)
        assert not await errands.decide(draft.message_id, post=post)
    await simcord_env.settle()

    assert [texts(thread) for thread in general.threads] == ([["The agent on What is Feast?"]] if post else [])
    [marked] = from_the_bot(maintainers)
    assert f"ada {'posted' if post else 'discarded'} this." in visible(marked)
    assert "What is Feast?" in visible(marked)
