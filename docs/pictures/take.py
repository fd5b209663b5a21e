"""Takes the README's pictures from the running product: `python docs/pictures/take.py`.

Starts `serve` on a fresh folder with Slack over the tests' double, asks in a channel, and photographs the console and
the thread. The thread is drawn from the blocks that were really posted; `take_discord.py` takes Discord's. Needs a
Chromium on the machine.
"""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from playwright.async_api import Browser, async_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.emulators.slack import Act, Message, SlackDouble  # noqa: E402

HERE = Path(__file__).parent
PASSWORD = "for-the-pictures"  # noqa: S105 - lives as long as this script
WIDE = {"width": 1280, "height": 860}

THREAD = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 24px 28px; width: 760px; background: #fff; color: #1d1c1d;
  font: 15px/1.47 Lato, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }}
.message {{ display: grid; grid-template-columns: 36px 1fr; gap: 0 10px; margin-bottom: 16px; }}
.face {{ width: 36px; height: 36px; border-radius: 8px; color: #fff; font-weight: 700;
  display: grid; place-items: center; }}
.name {{ font-weight: 900; }}
.app {{ font-size: 10px; background: #ddd; border-radius: 2px; padding: 1px 3px; margin-left: 4px; }}
p {{ margin: 0 0 8px; }} ul {{ margin: 0; padding-left: 22px; }} a {{ color: #1264a3; text-decoration: none; }}
code {{ background: #f6f6f6; border: 1px solid #ddd; border-radius: 3px; color: #c01343; padding: 1px 3px;
  font-size: 12px; }}
pre {{ background: #f8f8f8; border: 1px solid #ddd; border-radius: 4px; padding: 8px; overflow: hidden; }}
pre code {{ background: none; border: 0; color: #1d1c1d; padding: 0; }}
.context {{ color: #616061; font-size: 12px; margin: 8px 0; }}
.actions {{ display: flex; flex-wrap: wrap; gap: 8px; margin: 8px 0 0; }}
.actions span {{ border: 1px solid #bbb; border-radius: 4px; padding: 3px 12px; font-size: 13px; font-weight: 700; }}
.verdict span {{ border: 0; padding: 0 6px 0 0; font-weight: 400; }}
.replies {{ color: #616061; font-size: 13px;
  border-top: 1px solid #ddd; margin: 4px 0 16px; padding-top: 8px; }}
</style>{messages}"""


async def main() -> None:
    """Takes all pictures."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        async with SlackDouble() as slack, async_playwright() as playwright:
            service = await start_service(folder, port, slack)
            try:
                asked = await talk(slack)
                browser = await playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
                )
                await photograph_thread(browser, slack, asked)
                await photograph_console(browser, f"http://127.0.0.1:{port}")
                await browser.close()
            finally:
                service.terminate()
                await service.wait()


async def start_service(folder: str, port: int, slack: SlackDouble) -> asyncio.subprocess.Process:
    """Starts `serve` and waits until it is connected."""
    environment = {
        **os.environ,
        "VAR_DIR": folder,
        "PORT": str(port),
        "ADMIN_PASSWORD": PASSWORD,
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "SLACK_API_URL": slack.api_url,
    }
    service = await asyncio.create_subprocess_exec(sys.executable, "-m", "bot", "serve", env=environment, cwd=ROOT)
    await slack.wait_for(lambda double: double.sockets, timeout=240)
    return service


async def talk(slack: SlackDouble) -> Act:
    """A question, and a follow-up in its thread."""
    asked = await slack.mention("How do I create a DVC pipeline?")
    await slack.wait_for(lambda double: answered(double, asked.ts, 1), timeout=60)
    await slack.say("and how do I add an S3 remote?", user="U0ADA", thread_ts=asked.ts)
    await slack.wait_for(lambda double: answered(double, asked.ts, 2), timeout=60)
    return asked


def answered(slack: SlackDouble, thread: str, count: int) -> bool:
    """Whether so many answers with sources stand in a thread."""
    return sum("Sources" in message.text for message in slack.bot_messages("C0HELP", thread)) == count


async def photograph_thread(browser: Browser, slack: SlackDouble, asked: Act) -> None:
    """The thread as Slack would draw the messages that were posted, up to the first answer."""
    messages = slack.messages("C0HELP", asked.ts)
    drawn = [draw(message) for message in messages[:2]]
    drawn.insert(1, f'<div class="replies">{len(messages) - 1} replies</div>')
    page = await browser.new_page(viewport={"width": 816, "height": 400}, device_scale_factor=1.5)
    await page.set_content(THREAD.format(messages="".join(drawn)))
    await page.screenshot(path=HERE / "slack-thread.png", full_page=True)


def draw(message: Message) -> str:
    """One message, block by block."""
    bot = message.user == "U0BOT"
    name, colour, app = (
        ("MLOps Assistant", "#1f3a5f", '<span class="app">APP</span>') if bot else ("Ada", "#8a4f7d", "")
    )
    text = message.text.replace("<@U0BOT>", "**@MLOps Assistant**")
    body = "".join(map(draw_block, message.blocks or [{"type": "markdown", "text": text}]))
    return (
        f'<div class="message"><div class="face" style="background:{colour}">{escape(name[0])}</div>'
        f'<div><span class="name">{escape(name)}</span>{app}{body}</div></div>'
    )


def draw_block(block: dict[str, Any]) -> str:
    """One block of a message."""
    match block["type"]:
        case "markdown":
            return MarkdownIt("commonmark").enable("table").render(block["text"])
        case "context":
            return f'<div class="context">{escape(block["elements"][0]["text"])}</div>'
        case "context_actions":
            [verdict] = block["elements"]
            labels = (escape(verdict[side]["text"]["text"]) for side in ("positive_button", "negative_button"))
            return f'<div class="actions verdict">{"".join(f"<span>{label}</span>" for label in labels)}</div>'
        case _:
            labels = (escape(button["text"]["text"]) for button in block["elements"])
            return f'<div class="actions">{"".join(f"<span>{label}</span>" for label in labels)}</div>'


async def photograph_console(browser: Browser, address: str) -> None:
    """The console: the conversation in light, the knowledge base in dark."""
    page = await browser.new_page(viewport=WIDE, device_scale_factor=1.5)
    await page.goto(f"{address}/admin")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_text("How do I create a DVC pipeline?").first.click()
    await page.get_by_text("dvc.yaml").first.wait_for()
    await page.wait_for_load_state("networkidle")
    await page.screenshot(path=HERE / "console.png")


if __name__ == "__main__":
    asyncio.run(main())
