"""The owner's walk through the console of a running service, in a real browser."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, async_playwright, expect

from core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse"
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture
async def console(ready_settings: Callable[..., Settings]) -> AsyncIterator[str]:
    """The address of the console of a real `serve` process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = ready_settings()
    environment = {
        **os.environ,
        "VAR_DIR": str(settings.var_dir),
        "KNOWLEDGE_DIR": str(settings.knowledge_dir),
        "REFRESH_CRON": "off",
        "ADMIN_PASSWORD": PASSWORD,
        "PORT": str(port),
        "PYTHONPATH": str(ROOT),
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bot", "serve", env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
            while not await _answers(client, f"{address}/health"):
                assert process.returncode is None
        yield f"{address}/admin"
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page in a fresh browser that must not leave this machine."""
    assert BROWSER, "a Chromium is needed: install Debian's package chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        opened = await browser.new_page(viewport={"width": 1280, "height": 900})
        yield opened
        await browser.close()


async def test_an_owner_logs_in_asks_reads_the_transcript_and_reindexes(console: str, page: Page) -> None:
    asked_for: list[str] = []
    broken: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url))
    page.on("pageerror", lambda error: broken.append(str(error)))

    await page.goto(console)
    await page.get_by_label("Password").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{console}/sessions")

    await page.get_by_role("link", name="Playground").click()
    await page.get_by_label("Your question").fill("How do I push a model to Quillstore?")
    await page.keyboard.press("Enter")
    answer = page.locator('[data-role="assistant"]')
    await expect(answer).to_contain_text("quill push churn ./model.bin")
    await expect(answer).to_contain_text("Sources")

    await page.get_by_role("link", name="Sessions").click()
    await page.get_by_text("How do I push a model to Quillstore?").click()
    await expect(page.get_by_text("Store models with Quillstore").first).to_be_visible()

    await page.get_by_role("link", name="Knowledge").click()
    await page.get_by_text("Rebuild even if nothing changed").click()
    await page.get_by_role("button", name="Re-index now").click()
    await expect(page.get_by_text("asked by console")).to_be_visible(timeout=60_000)
    await expect(page.get_by_text("Promoted").first).to_be_visible()

    await page.get_by_role("link", name="Health").click()
    await expect(page.get_by_text("Ready to answer")).to_be_visible()

    assert broken == []
    site = console.removesuffix("/admin")
    assert [url for url in asked_for if not url.startswith((site, "data:", "blob:"))] == []


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).is_success
    except httpx.TransportError:
        await asyncio.sleep(0.05)
        return False
