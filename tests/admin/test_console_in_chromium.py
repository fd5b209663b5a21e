"""The owner's walk through the console of a running service, in a real browser."""

import asyncio
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Locator, Page, expect

from core.settings import Settings
from tests.admin.conftest import PASSWORD, serving
from tests.emulators.language_model import Pause, ScriptedModel
from tests.emulators.site import Site
from tests.emulators.slack import SlackDouble

WIDTHS = (1280, 360)
"""A desk and a phone."""


@pytest.fixture
def site() -> Iterator[Site]:
    """A site of the house with one page."""
    tide = Site()
    tide.put("/tidewatch", tidewatch("tide --gauge north"))
    with tide.open():
        yield tide


def tidewatch(command: str) -> str:
    """The page of an invented tool, which says how it is started."""
    return f"""<html><head><title>Start Tidewatch</title></head><body><nav>Home</nav><main><h1>Start Tidewatch</h1>
        <p>Tidewatch measures how far the features of a model drift with the tide. To start Tidewatch, run the command
        <code>{command}</code> in the folder of the model.</p></main></body></html>"""


async def test_an_owner_logs_in_asks_reads_the_transcript_and_reindexes(console: str, page: Page, site: Site) -> None:
    asked_for: list[str] = []
    broken: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url))
    page.on("pageerror", lambda error: broken.append(str(error)))

    await _log_in(page, console)
    await _ask(page, "How do I push a model to Quillstore?", "quill push churn ./model.bin")

    await page.get_by_role("link", name="Sessions").click()
    await page.wait_for_function("window.did_handshake")
    await page.get_by_label("Search sessions").fill("quill churn")
    await expect(page).to_have_url(re.compile(r"/sessions\?q=quill"))
    await expect(page.locator(".hit").first).to_be_visible()
    await page.get_by_text("How do I push a model to Quillstore?").click()
    await expect(page.get_by_text("Store models with Quillstore").first).to_be_visible()

    await _add_site(page, site)
    await page.get_by_role("button", name="Re-index now").click()
    await expect(page.get_by_text(re.compile(r"live.*: 1 added\."))).to_be_visible(timeout=60_000)
    answer = await _ask(page, "How do I start Tidewatch?", "tide --gauge north")
    await expect(answer.get_by_role("link", name="Start Tidewatch").first).to_have_attribute(
        "href", re.compile(re.escape(f"{site.url}/tidewatch"))
    )

    site.put("/tidewatch", tidewatch("tide --broken-on-purpose"))
    await page.get_by_role("link", name="Knowledge").click()
    await page.get_by_role("button", name="Re-index now").click()
    await expect(page.get_by_text("updated in place: 1 changed.")).to_be_visible(timeout=60_000)
    await _ask(page, "How do I start Tidewatch?", "tide --broken-on-purpose")

    await page.get_by_role("link", name="Knowledge").click()
    await page.get_by_role("button", name="Undo the last change").click()
    await page.get_by_role("dialog").get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("is live, with 4 documents.")).to_be_visible(timeout=60_000)
    await _ask(page, "How do I start Tidewatch?", "tide --gauge north")

    await page.get_by_role("link", name="Health").click()
    await expect(page.get_by_text("Ready to answer")).to_be_visible()

    assert broken == []
    own = console.removesuffix("/admin")
    assert [url for url in asked_for if not url.startswith((own, "data:", "blob:"))] == []


@pytest.mark.parametrize("width", WIDTHS)
async def test_answers_stream_sessions_are_found_and_the_index_is_rebuilt_and_rolled_back(
    page: Page, ready_settings: Callable[..., Settings], width: int
) -> None:
    await page.set_viewport_size({"width": width, "height": 860})
    async with ScriptedModel() as model:
        endpoint = {"LLM_BASE_URL": model.base_url, "LLM_API_KEY": "test", "LLM_MODEL": model.name}
        async with serving(ready_settings(), **endpoint) as console:
            await _log_in(page, console)
            await _watch_an_answer_come(page, model)
            await _search_sessions(page, "quill churn", "How do I push a model to Quillstore?")
            await _rebuild_and_roll_back(page)


async def _watch_an_answer_come(page: Page, model: ScriptedModel) -> None:
    """Asks what the model answers in two halves, and sees the first one before there is a second."""
    more = asyncio.Event()
    model.script(Pause(more, rest=" push churn ./model.bin` for that [1].", after="Type the command `quill"))
    answer = await _type(page, "How do I push a model to Quillstore?")
    await model.wait_for(lambda double: double.waiting)
    await expect(answer).to_contain_text("Type the command")
    await expect(answer.get_by_role("button", name="Stop")).to_be_visible()
    await expect(answer).not_to_contain_text("push churn")
    more.set()
    await expect(answer).to_contain_text("quill push churn ./model.bin")
    await expect(answer).to_contain_text("Sources")


async def _search_sessions(page: Page, words: str, title: str) -> None:
    """Finds a conversation by what was said in it, and opens it."""
    await page.get_by_role("link", name="Sessions").click()
    await page.wait_for_url("**/sessions")
    await page.wait_for_function("window.did_handshake")
    await page.get_by_label("Search sessions").fill(words)
    await expect(page).to_have_url(re.compile(r"/sessions\?q=quill"))
    await expect(page.locator(".hit").first).to_be_visible()
    await page.get_by_role("link", name=title).first.click()
    await expect(page.locator('[data-role="assistant"]')).to_contain_text("quill push churn")


async def _rebuild_and_roll_back(page: Page) -> None:
    """Builds a new version, seeing how far it is, and goes back to the one before it."""
    await page.get_by_role("link", name="Knowledge").click()
    await page.get_by_text("Rebuild even if nothing changed").click()
    await page.get_by_role("button", name="Re-index now").click()
    await expect(page.get_by_role("progressbar", name="Progress of the refresh")).to_be_visible()
    await expect(page.get_by_text("A new version is live")).to_be_visible(timeout=60_000)
    await page.get_by_role("button", name="Roll back to this").first.click()
    await page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    await expect(page.get_by_text("is live, with 3 documents.")).to_be_visible(timeout=60_000)


@pytest.mark.parametrize("width", WIDTHS)
async def test_five_clicks_from_a_gap_to_a_cited_answer_in_its_thread(
    page: Page, ready_settings: Callable[..., Settings], width: int
) -> None:
    await page.set_viewport_size({"width": width, "height": 860})
    async with SlackDouble() as slack:
        tokens = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token}
        async with serving(ready_settings(), **tokens, SLACK_API_URL=slack.api_url) as console:
            await slack.wait_for(lambda double: double.sockets, timeout=60)
            asked = await slack.mention("How do we rotate the keys of Saltmarsh?")
            await slack.wait_for(lambda double: double.bot_messages("C0HELP", asked.ts), timeout=60)
            await _log_in(page, console)

            await page.get_by_role("link", name="Gaps").click()
            await page.get_by_role("link", name="How do we rotate the keys of Saltmarsh?").click()
            await page.get_by_role("button", name="Write the answer").click()
            said = "To rotate the keys of Saltmarsh, run `saltmarsh keys rotate` and restart the workers of Saltmarsh."
            await page.get_by_label("Answer, in Markdown").fill(said)
            await page.get_by_role("button", name="Save").click()
            await expect(page.get_by_text("It is found now")).to_be_visible(timeout=60_000)
            await page.get_by_role("button", name="Answer in the threads").click()

            await slack.wait_for(lambda double: _is_answered(double, asked.ts), timeout=60)
            await expect(page.get_by_text("answered in its thread")).to_be_visible(timeout=30_000)


def _is_answered(slack: SlackDouble, thread: str) -> bool:
    """Whether the card's words stand in a thread, once, with the card as their source."""
    texts = [
        message.text for message in slack.bot_messages("C0HELP", thread) if "saltmarsh keys rotate" in message.text
    ]
    return len(texts) == 1 and "/cards/" in texts[0] and "Sources" in texts[0]


async def _log_in(page: Page, console: str) -> None:
    await page.goto(console)
    await page.get_by_label("Password").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{console}/overview")


async def _ask(page: Page, question: str, said: str) -> Locator:
    """Asks in the playground; gives the answer, which says something and where that is from."""
    answer = await _type(page, question)
    await expect(answer).to_contain_text(said, timeout=30_000)
    await expect(answer).to_contain_text("Sources")
    return answer


async def _type(page: Page, question: str) -> Locator:
    """Asks in the playground, with the keyboard; gives the card of the answer."""
    await page.get_by_role("link", name="Playground").click()
    await page.wait_for_url("**/playground")
    await page.wait_for_function("window.did_handshake")  # or Enter may overtake the text on its way to the server
    await page.get_by_label("Your question").fill(question)
    await page.keyboard.press("Enter")
    return page.locator('[data-role="assistant"]')


async def _add_site(page: Page, site: Site) -> None:
    """Adds the site's page as an internal source, which is checked first."""
    await page.get_by_role("link", name="Sources").click()
    await page.get_by_role("button", name="Add a source").click()
    form = page.get_by_role("dialog")
    await form.get_by_label("Name").fill("tide")
    await form.get_by_label("Addresses, one a line").fill(f"{site.url}/tidewatch")
    await form.get_by_role("button", name="Check").click()
    await expect(form.get_by_text("Mark the source as internal")).to_be_visible()
    await form.get_by_text("Internal source").click()
    await form.get_by_role("button", name="Check").click()
    await expect(form.get_by_text("“Start Tidewatch”")).to_be_visible()
    await form.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_text("“tide” has not been read since added or changed")).to_be_visible()
