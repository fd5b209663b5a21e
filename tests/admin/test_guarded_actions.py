"""No handler of the console changes anything without asking who acts: a new one that forgets to ask fails here."""

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import admin
from core.bootstrap import Services

FOLDER = Path(admin.__file__).parent

HARMLESS = {
    "aftercare": {"drafts", "told"},
    "attention": {"concerns"},
    "audit": {"latest"},
    "cards": {"get", "is_found", "of_gap", "page"},
    "conversations": {"page"},
    "curator": {"original"},
    "errands": {"problems"},
    "gaps": {"counts", "examples", "get", "look", "page", "trends"},
    "health": {"measure"},
    "inventory": {"report", "take"},
    "keys": {"all"},
    "lab": {"try_out"},
    "library": {"document", "documents", "pages", "problems", "held", "read"},
    "measurements": {"get", "latest"},
    "people": {"all", "find", "built_in", "recognise", "admit", "seen"},
    "presence": {"settings", "own", "places"},
    "questionnaire": {"count", "export", "find", "pages_at", "styles"},
    "refresher": {"running", "follow"},
    "retriever": {"find", "passages_of", "search"},
    "runs": {"latest"},
    "schedule": {"next_run"},
    "sessions": {"list", "find", "transcript"},
    "sources": {"all", "get", "page_counts"},
    "tally": {"overview", "places"},
    "transcripts": {"latest", "state", "whole"},
    "versions": {"all", "configuration", "get", "production", "evaluation", "changes", "last_change", "held"},
}
"""What handlers may call of each service without a guard: it changes nothing. All else wants one."""


def test_every_call_that_changes_something_stands_in_a_guarded_method() -> None:
    services = {field.name for field in dataclasses.fields(Services)} - {"settings"}
    unguarded = [
        f"{path.relative_to(FOLDER)}:{node.lineno} {service}.{node.attr}"
        for path in FOLDER.rglob("*.py")
        for node, service in _service_calls(ast.parse(path.read_text(encoding="utf-8")), services)
        if node.attr not in HARMLESS.get(service, set())
    ]
    assert unguarded == [], "guard the handler (@editing, @owning), or list the call in HARMLESS if it changes nothing"


def test_what_is_listed_as_harmless_exists() -> None:
    hints = get_type_hints(Services)
    for service, names in HARMLESS.items():
        assert all(hasattr(hints[service], name) for name in names), service


def _service_calls(tree: ast.Module, services: set[str]) -> Iterator[tuple[ast.Attribute, str]]:
    """Attributes of services that are touched outside of guarded methods; a service goes by the name of its field."""
    others = _other_things(tree)
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and _is_guarded(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in guarded:
            bare = isinstance(node.value, ast.Name)
            name = _last_name(node.value).lstrip("_")
            if name in services and not (bare and name in others):
                yield node, name


def _other_things(tree: ast.Module) -> set[str]:
    """Plain variables of a module that were made there, and so are no service although one is called alike."""
    made = [
        node for node in ast.walk(tree) if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Attribute)
    ]
    return {
        name.id for node in made for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)
    }


def _is_guarded(node: ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(each, ast.Name) and each.id in {"asking", "editing", "owning"} for each in node.decorator_list
    )


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_the_look_finds_what_forgets_to_ask() -> None:
    page = """
class Page:
    async def clear(self):
        await self._services.curator.remove("guide")

    @editing
    async def save(self):
        await self._services.curator.remove("guide")

def add_pages(services):
    curator = services.curator
    ui.button(on_click=lambda: curator.add("guide", {}))
    presence = Panel(services.presence)
    presence.change()
"""
    found = [(name, node.attr) for node, name in _service_calls(ast.parse(page), {"curator", "presence"})]
    assert sorted(found) == [("curator", "add"), ("curator", "remove")]
