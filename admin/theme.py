"""What every page looks like: head, header with navigation, main column.

Comes in: the page's title and which part of the console it belongs to. Goes out: a frame to build the page
in. Colours and type are in `static/console.css`; light or dark is decided in the browser by
`static/console.js`.
"""

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from nicegui import __version__ as nicegui_version
from nicegui import ui

from admin.guard import MOUNT, STATIC
from admin.permissions import may, person
from core.domain.people import Role

FOLDER = Path(__file__).parent / "static"
MARK = (FOLDER / "mark.svg").read_text(encoding="utf-8").strip()

NAVIGATION = {
    "Overview": "/overview",
    "Sessions": "/sessions",
    "Gaps": "/gaps",
    "Knowledge": "/knowledge",
    "Evaluation": "/evaluation",
    "Playground": "/playground",
    "Channels": "/channels",
    "Health": "/health",
    "People": "/people",
}

WITHIN = {"Gaps": {"Cards": "/cards"}, "Knowledge": {"Sources": "/sources", "Search lab": "/knowledge/search"}}
"""Parts that the navigation shows below another one."""

OWNERS_ONLY = {"People"}


@cache
def head() -> str:
    """Stylesheet and script, for the head of a page; their addresses change with their content."""
    fonts = f'<link rel="stylesheet" href="{MOUNT}/_nicegui/{nicegui_version}/static/fonts.css">'
    style = f'<link rel="stylesheet" href="{asset("console.css")}">'
    return f'{fonts}\n{style}\n<script src="{asset("console.js")}"></script>'


@contextmanager
def frame(title: str, part: str) -> Generator[None]:
    """A page of the console; `part` is the entry of the navigation that it belongs to, or one within it."""
    ui.page_title(f"{title} · MLOps Assistant")
    ui.add_head_html(head())
    with ui.element("header").classes("top"):
        with ui.link(target="/overview").classes("brand"):
            ui.element("span").classes("mark")
            ui.label("MLOps Assistant")
        _navigation(part)
        _controls()
    with ui.element("div").classes("page"):
        yield


def heading(title: str, lead: str = "") -> None:
    """The title of a page, and a sentence on what it is for."""
    with ui.element("div").classes("heading"):
        ui.label(title).classes("title").props("role=heading aria-level=1")
        if lead:
            ui.label(lead).classes("muted")


def section(title: str) -> ui.element:
    """A part of a page with a small title, to be filled."""
    box = ui.element("section").classes("section")
    with box:
        ui.label(title).classes("section-title").props("role=heading aria-level=2")
    return box


def empty(title: str, advice: str) -> None:
    """Says that there is nothing here, and what to do about it."""
    with ui.element("div").classes("empty"):
        ui.label(title).classes("empty-title")
        ui.label(advice).classes("muted")


def _navigation(part: str) -> None:
    with ui.element("nav").props('aria-label="Console"'):
        for name, target in NAVIGATION.items():
            if name in OWNERS_ONLY and not may(Role.OWNER):
                continue
            _entry(name, target, part)
            for inner, inner_target in WITHIN.get(name, {}).items():
                _entry(inner, inner_target, part).classes("within")


def _entry(name: str, target: str, part: str) -> ui.link:
    link = ui.link(name, target)
    return link.props("aria-current=page") if name == part else link


def _controls() -> None:
    who = person()
    with ui.element("div").classes("controls"):
        if who:
            ui.link(who.name, "/account").classes("account").props('title="Your account"')
        theme = ui.element("button").classes("icon-button theme-button")
        theme.props('type=button title="Colours: system, light or dark" aria-label="Change colours"')
        theme.on("click", js_handler="() => nextTheme()")
        with ui.element("form").props(f'method=post action="{MOUNT}/logout"'):
            leave = ui.element("button").classes("icon-button").props("type=submit title='Log out'")
            with leave.props('aria-label="Log out"'):
                ui.icon("logout")


def asset(name: str) -> str:
    """The address of a file in `static/`; browsers may keep it, since it changes with the content."""
    version = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"{MOUNT}{STATIC}/{name}?v={version}"
