"""Takes the pictures of `docs/console.md`: every page of the running console, light and dark.

`python docs/pictures/take_console.py` starts `serve` on a fresh folder, seeds a month of demonstration traffic, and
photographs page after page. Needs a Chromium on the machine.
"""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

import httpx
from playwright.async_api import Page, async_playwright

HERE = Path(__file__).parent / "console"
ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "for-the-pictures"  # noqa: S105 - lives as long as this script
WIDE = {"width": 1280, "height": 860}

PAGES = {
    "overview": "/overview?period=30d",
    "sessions": "/sessions",
    "gaps": "/gaps",
    "cards": "/cards",
    "knowledge": "/knowledge",
    "sources": "/sources",
    "search-lab": "/knowledge/search?q=How+do+I+add+an+S3+remote+in+DVC%3F",
    "document": "/knowledge/data-versioning/dvc-pipelines.md?view=original",
    "evaluation": "/evaluation",
    "playground": "/playground?q=How+do+I+create+a+DVC+pipeline%3F",
    "channels": "/channels",
    "health": "/health",
    "people": "/people",
    "changes": "/people/changes",
}
INNER = {"session": ("/sessions", "a.row-link"), "gap": ("/gaps", "a.row-link")}
"""Pages that are reached by the first link of another one."""


async def main() -> None:
    """Takes all of them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    HERE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "VAR_DIR": folder, "PORT": str(port), "ADMIN_PASSWORD": PASSWORD}
        service = await _run(environment, "serve")
        try:
            await _until_healthy(f"http://127.0.0.1:{port}/health")
            await (await _run(environment, "demo")).wait()
            await photograph(f"http://127.0.0.1:{port}/admin")
        finally:
            service.terminate()
            await service.wait()


async def photograph(console: str) -> None:
    """Every page, light and dark."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        for scheme in ("light", "dark"):
            context = await browser.new_context(viewport=WIDE, color_scheme=scheme)  # type: ignore[arg-type]
            page = await context.new_page()
            await page.goto(f"{console}/login")
            await page.screenshot(path=HERE / f"login-{scheme}.jpg", quality=80)
            await page.get_by_label("Password").fill(PASSWORD)
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/overview")
            for name, path in PAGES.items():
                await page.goto(console + path)
                await _take(page, f"{name}-{scheme}")
            for name, (path, link) in INNER.items():
                await page.goto(console + path)
                await page.locator(link).first.click()
                await _take(page, f"{name}-{scheme}")
        await browser.close()


async def _take(page: Page, name: str) -> None:
    await page.wait_for_function("window.did_handshake")
    await page.wait_for_load_state("networkidle")
    await page.wait_for_timeout(1500)  # what is measured when somebody looks has come by then
    await page.screenshot(path=HERE / f"{name}.jpg", quality=80)


async def _run(environment: dict[str, str], command: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "bot", command, env=environment, cwd=ROOT)


async def _until_healthy(url: str) -> None:
    async with asyncio.timeout(240), httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                if (await client.get(url)).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.5)


if __name__ == "__main__":
    asyncio.run(main())
