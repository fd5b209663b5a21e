"""Writes docs/configuration.md from the settings: `python docs/configuration.py`. A test compares the two."""

from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from core.settings import ROOT, Settings

PAGE = Path(__file__).with_suffix(".md")

SECTIONS = {
    "host": "Service",
    "knowledge_dir": "Knowledge",
    "log_level": "Logs",
    "database_url": "Storage",
    "openrouter_api_key": "Language model",
    "unsupported": "Answers",
    "slack_bot_token": "Slack and Discord",
    "admin_password": "Who may do what",
    "metrics_token": "Being watched",
    "refresh_cron": "What this process does",
}
"""Headings, by the first setting under each."""

HEAD = """# Configuration

Made from the settings by `python docs/configuration.py`. Each is a variable of the environment, a line of `.env` in the
working folder, or a file of its name in lower case in the folder `SECRETS_DIR` (`/run/secrets`); the first of these
that says something holds. An empty value is none. What cannot be used is told at the start, one sentence a mistake, and
nothing is started. [`.env.example`](../.env.example) has all of them to copy from.
"""

FOOT = """
## Of the compose stack

Read by `docker compose`, from the environment or `.env`; `docker-compose.yml` says where.

| variable | default | |
|---|---|---|
| `ASSISTANT_IMAGE` | `mlops-assistant:local` | image to run; a deployment names it by its digest |
| `PORT` | `8000` | port on 127.0.0.1 |
| `PORTS` | `PORT`, or `8000-8009` | with `deploy/compose.scale.yml`: a port for each replica |
| `COMPOSE_PROFILES` | | comma-separated: `tls` (Caddy), `observe` (Prometheus, Grafana), `local-llm` (Ollama) |
| `DOMAIN` | | name that Caddy fetches a certificate for |
| `GRAFANA_PORT` | `3000` | port of Grafana on 127.0.0.1 |
| `APP_MEMORY`, `APP_CPUS`, `OLLAMA_MEMORY` | `1g`, `2`, `4g` | limits |
| `PYTHON_VERSION`, `REVISION` | `3.12`, `unknown` | what the image is built on, and of |
"""


def page() -> str:
    """The whole page."""
    lines = [HEAD.rstrip("\n")]
    for name, field in Settings.model_fields.items():
        if heading := SECTIONS.get(name):
            lines += ["", f"## {heading}", "", "| setting | takes | default | |", "|---|---|---|---|"]
        said = (field.description or "").replace("|", "\\|")
        lines.append(f"| `{name.upper()}` | {_takes(field)} | {_default(field)} | {said} |")
    return "\n".join(lines) + "\n" + FOOT


def _takes(field: FieldInfo) -> str:
    kind = _kind(field.annotation)
    limits = {sign: getattr(bound, name) for bound in field.metadata for name, sign in BOUNDS if hasattr(bound, name)}
    return " ".join([kind, *(f"{sign} {limit:g}" for sign, limit in limits.items())])


BOUNDS = (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))
KINDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    Path: "path",
    SecretStr: "secret",
}


def _kind(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin in {Union, UnionType}:
        return _kind(next(kind for kind in get_args(annotation) if kind is not NoneType))
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if origin is frozenset:
        return "comma-separated"
    if origin in {dict, tuple}:
        return "JSON"
    return KINDS.get(annotation) or _kind(get_args(annotation)[0])


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value in ((), {}, frozenset()):
        return ""
    if isinstance(value, Path):
        value = value.relative_to(ROOT)
    if isinstance(value, frozenset):
        value = ",".join(sorted(value))
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
