"""The page of settings says what the settings are, and every setting can be copied from `.env.example`."""

import importlib.util
import re
from pathlib import Path

from core.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


def test_page_is_what_the_settings_say() -> None:
    spec = importlib.util.spec_from_file_location("configuration", DOCS / "configuration.py")
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    written = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert written == made.page(), "run `python docs/configuration.py`"
    assert all(f"| `{name.upper()}` |" in written for name in Settings.model_fields)


def test_example_has_every_setting() -> None:
    example = (DOCS.parent / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#? ?([A-Z_]+)=", example, re.MULTILINE))
    assert named >= {name.upper() for name in Settings.model_fields}
