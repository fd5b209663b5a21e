"""How many consoles can be open at once: time until a page can be used, and what each open page costs in memory.

`python bench/consoles.py` starts `serve` on a fresh folder, seeds the demonstration month, opens one console after the
other in a Chromium until fifty are open, and prints medians of the first and the last ten, beside the plainest page
that this process serves (`/admin/login`), fetched in the same run. Needs a Chromium on the machine.
"""

import asyncio
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil
from playwright.async_api import Browser, async_playwright
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "for-the-bench"  # noqa: S105 - lives as long as this script
OPEN = 50
SOME = 10
MEGABYTE = 2**20


async def main() -> None:
    """Opens them and prints what was measured."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "VAR_DIR": folder, "PORT": str(port), "ADMIN_PASSWORD": PASSWORD}
        service = await _run(environment, "serve")
        try:
            await _until_healthy(f"http://127.0.0.1:{port}/health")
            await (await _run(environment, "demo")).wait()
            await _measure(psutil.Process(service.pid), f"http://127.0.0.1:{port}/admin")
        finally:
            service.terminate()
            await service.wait()


async def _measure(service: psutil.Process, console: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        plain = statistics.median([await _plain(f"{console}/login") for _ in range(SOME)])
        seconds, memory = await _open(browser, service, console)
        await browser.close()
    table = Table("", "first ten", "last ten", title=f"{OPEN} consoles open")
    first, last = (f"{statistics.median(part):.2f}" for part in (seconds[:SOME], seconds[-SOME:]))
    table.add_row("until the overview can be used (s)", first, last)
    table.add_row("memory of the service (MB)", f"{memory[SOME - 1]:.0f}", f"{memory[-1]:.0f}")
    table.add_row("the login page, fetched (s)", f"{plain:.3f}", "")
    Console().print(table)


async def _open(browser: Browser, service: psutil.Process, console: str) -> tuple[list[float], list[float]]:
    """Seconds until each page could be used, and the service's memory in MB after it."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{console}/login")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/overview")
    await page.goto(f"{console}/overview?period=30d")  # what is counted once has been counted
    await page.wait_for_function("window.did_handshake")
    seconds, memory = list[float](), list[float]()
    for _ in range(OPEN):
        further = await context.new_page()
        started = time.perf_counter()
        await further.goto(f"{console}/overview?period=30d")
        await further.wait_for_function("window.did_handshake")
        seconds.append(time.perf_counter() - started)
        memory.append(service.memory_info().rss / MEGABYTE)
    return seconds, memory


async def _plain(address: str) -> float:
    async with httpx.AsyncClient(trust_env=False) as client:
        started = time.perf_counter()
        (await client.get(address)).raise_for_status()
        return time.perf_counter() - started


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
