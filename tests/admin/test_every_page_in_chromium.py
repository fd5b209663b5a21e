"""Every page of the console in a real browser, over a month of traffic: at a desk in light, on a phone in the dark.

Pictures of what was seen are kept in `.pytest_cache/console`.
"""

import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.async_api import Page, ViewportSize, async_playwright, expect

from core.domain.knowledge import Look, PageNews
from core.operations.demo import seed_demo
from core.settings import Settings
from core.storage.engine import Database
from core.storage.library import Library
from tests.admin.conftest import BARELY, BROWSER, FLAGS, PASSWORD, ROOT, SHIFTS
from tests.core.operations.test_demo import shipped

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
PICTURES = ROOT / ".pytest_cache" / "console"

PAGES = [
    "/overview",
    "/overview?period=30d",
    "/sessions",
    "/gaps",
    "/cards",
    "/knowledge",
    "/knowledge/search?q=How+do+I+push+a+model%3F",
    "/knowledge/quillstore.md",
    "/knowledge/quillstore.md?view=passages",
    "/knowledge/quillstore.md?view=original",
    "/sources",
    "/sources/knowledge",
    "/evaluation",
    "/playground",
    "/channels",
    "/channels/settings?platform=slack&workspace=T0DOUBLE",
    "/health",
    "/people",
    "/people/changes",
    "/account",
    "/nothing-here",
]
WITHIN = ("/sessions", "/gaps")
"""Pages whose first row is opened as well."""

CHOICES = [
    ("/overview", "Who answers", "Crew"),
    ("/gaps", "State", "Answered"),
    ("/gaps", "Order", "Newest first"),
    ("/evaluation", "Kind", "Not covered"),
    ("/people/changes", "Kind of change", "Sources"),
]
"""Fields of pages, and what is chosen in them."""

DIALOGS = [
    ("/sources", "Add a source"),
    ("/evaluation", "Add a question"),
    ("/evaluation", "Import"),
    ("/people", "Add a person"),
    ("/people", "Make a key"),
]
"""Pages, and the button that opens a dialog there."""

SCREENS = {
    "desk": ("light", ViewportSize(width=1280, height=900)),
    "phone": ("dark", ViewportSize(width=360, height=800)),
}


@pytest.fixture(params=SCREENS)
async def screen(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, Page]]:
    """The name of a screen, and a page on it."""
    assert BROWSER, "a Chromium is needed: install Debian's package chromium"
    scheme, viewport = SCREENS[request.param]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        context = await browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
        await context.add_init_script(SHIFTS)
        yield request.param, await context.new_page()
        await browser.close()


async def test_pages_are_for_everybody_and_fit_the_screen(
    console: str, screen: tuple[str, Page], make_settings: Callable[..., Settings]
) -> None:
    name, page = screen
    await _seed(make_settings())
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    found = await _look_at_login(page, console)
    for path in PAGES:
        await page.goto(console + path)
        found += await _problems(page, path)
        await _keep(page, f"{name}{path}")
    for path in WITHIN:
        await page.goto(console + path)
        await page.locator("a.row-link").first.click()
        await page.wait_for_url(f"**{path}/*")
        found += await _problems(page, f"{path}/…")
        await _keep(page, f"{name}{path}-one")
    assert found == []
    assert broken == []


async def test_what_is_chosen_stands_in_an_address_that_can_be_loaded_again(
    console: str, screen: tuple[str, Page]
) -> None:
    _, page = screen
    await _look_at_login(page, console)
    for path, field, option in CHOICES:
        await page.goto(console + path)
        await page.wait_for_function("window.did_handshake")
        await page.get_by_role("combobox", name=field).click()
        await page.get_by_role("option", name=option, exact=True).click()
        await page.wait_for_url(re.compile(re.escape(console + path) + r"\?.+"))
        loaded = await page.reload()
        assert loaded, path
        assert loaded.status == 200, page.url


async def test_dialogs_are_for_everybody(console: str, screen: tuple[str, Page]) -> None:
    name, page = screen
    await _look_at_login(page, console)
    found: list[str] = []
    for path, button in DIALOGS:
        await page.goto(console + path)
        await page.wait_for_function("window.did_handshake")
        await page.add_style_tag(content="* { transition: none !important; animation: none !important }")
        await page.get_by_role("button", name=button).click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        too_wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        found += [f"{path}: wider than the screen"] * too_wide
        found += await _violations(page, f"{path}: {button}", dialog=True)
        await _keep(page, f"{name}{path}-{button}")
    assert found == []


async def test_report_of_a_fault_is_downloaded(console: str, screen: tuple[str, Page]) -> None:
    _, page = screen
    await _look_at_login(page, console)
    await page.goto(f"{console}/health")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download the report").click()
    assert (await download.value).suggested_filename == "mlops-assistant-report.zip"


async def _seed(settings: Settings) -> None:
    """Gives the library the pages that ship, which the conversations are made from, and a month of those."""
    database = Database(settings.sqlalchemy_url)
    news = [PageNews(page.path, page.path, Look.FRESH, page) for page in shipped()]
    await Library(database).record("knowledge", news, grace=timedelta())
    await database.close()
    await seed_demo(settings, seed=1)


async def _look_at_login(page: Page, console: str) -> list[str]:
    await page.goto(f"{console}/login")
    found = await _violations(page, "/login")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/overview")
    return found


async def _problems(page: Page, path: str) -> list[str]:
    """What keeps people from using a page: rules that it breaks, width that does not fit, and things that jump."""
    await page.wait_for_function("window.did_handshake")
    await page.evaluate("document.fonts.ready.then(() => true)")
    await expect(page.locator("[aria-busy]")).to_have_count(0)
    too_wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    jumps = await page.evaluate("window.shifts") >= BARELY
    fits = [f"{path}: wider than the screen"] * too_wide + [f"{path}: jumps while it loads"] * jumps
    return [*await _violations(page, path), *fits]


async def _violations(page: Page, path: str, *, dialog: bool = False) -> list[str]:
    """The serious rules of axe-core that a page breaks, each with the first place.

    Of a `dialog` all but contrast, for which it takes the page behind it: its colours are those of pages.
    """
    await page.evaluate(AXE)
    rules = "rules: {'color-contrast': {enabled: false}}, " if dialog else ""
    within = "'[role=dialog]'" if dialog else "document"
    outcome: dict[str, Any] = await page.evaluate(f"axe.run({within}, {{{rules}resultTypes: ['violations']}})")
    return [
        f"{path}: {rule['id']} at {rule['nodes'][0]['html']}: {rule['nodes'][0]['failureSummary']}"
        for rule in outcome["violations"]
        if rule["impact"] in {"serious", "critical"}
    ]


async def _keep(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    plain = "".join(character if character.isalnum() else "-" for character in name)
    await page.screenshot(path=PICTURES / f"{plain}.png")
