"""Takes the README's picture of Discord: `python docs/pictures/take_discord.py`.

Runs the channel over real services on a fresh folder inside simcord, asks in a channel, and has simcord's preview draw
the thread that was opened. Needs a Chromium on the machine.
"""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import simcord
from playwright.async_api import async_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bot.discord.client import DiscordChannel  # noqa: E402
from core.bootstrap import open_services, prepare  # noqa: E402
from core.settings import load_settings  # noqa: E402

HERE = Path(__file__).parent
NONE = HERE / "none"
QUESTION = "How do I create a DVC pipeline?"


async def main() -> None:
    """Takes the picture."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            NONE, var_dir=Path(folder), sources_file=NONE, discord_bot_token="for-the-picture"  # noqa: S106
        )  # fmt: skip
        await asyncio.to_thread(prepare, settings, print)
        async with open_services(settings) as services:
            await services.refresher.finished("pictures")
            await services.answering.warm_up()
            channel = DiscordChannel(
                settings, services.answering, services.presence, services.aftercare, services.errands
            )
            channel.client.shard_count = 1
            async with simcord.run(channel.client) as env:
                guild = env.create_guild("MLOps")
                general = guild.create_text_channel("help")
                ada = guild.add_member(env.create_user("ada"))
                assert env.bot.user  # noqa: S101 - it is connected
                await ada.send(general, f"{env.bot.user.mention} {QUESTION}")
                [thread] = general.threads
                await photograph(env, thread, ada)


async def photograph(env: simcord.Env, thread: simcord.ChannelHandle, viewer: simcord.MemberActor) -> None:
    """The thread, as simcord's preview draws it."""
    async with env.preview(thread, viewers=[viewer], layout="channel") as preview, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        page = await browser.new_page(viewport={"width": 960, "height": 1040}, device_scale_factor=1.5)
        await page.goto(preview.url)
        await page.get_by_text("Why this answer").last.wait_for()
        await page.screenshot(path=HERE / "discord-thread.png", clip={"x": 256, "y": 52, "width": 704, "height": 900})
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
