"""Settings: what may be configured, where it is read from, and what is said when it cannot be used."""

import ast
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.errors import ConfigurationError
from core.settings import OPENROUTER_URL, QUIET, ROOT, Settings, child_environment, load_settings, quiet_libraries

SECRET = "geheim-4711"

VALUES = {
    "HOST": ("127.0.0.2", "::1"),
    "PORT": ("8123", "9123"),
    "VAR_DIR": ("/srv/a", "/srv/b"),
    "DATABASE_URL": ("postgresql://db/a", "sqlite:///b.db"),
    "CHROMA_URL": ("http://chroma-a:8000", "https://chroma-b"),
    "OPENROUTER_API_KEY": ("sk-or-a", "sk-or-b"),
    "LLM_BASE_URL": ("http://ollama:11434/v1", "https://vllm/v1"),
    "LLM_API_KEY": ("key-a", "key-b"),
    "LLM_MODEL": ("qwen3:8b", "openai/gpt-5"),
    "LLM_FIRST_TOKEN_TIMEOUT": ("5.0", "6.5"),
    "LLM_TOKEN_TIMEOUT": ("2.0", "3.5"),
    "LLM_TEMPERATURE": ("0.0", "1.5"),
    "BUDGET_USER": ("0.5", "0.0"),
    "BUDGET_CHANNEL": ("5.0", "6.5"),
    "BUDGET_WORKSPACE": ("20.0", "30.0"),
    "UNSUPPORTED": ("drop", "keep"),
    "MEMORY_TOKENS": ("500", "4000"),
    "DURABLE_TURNS": ("False", "True"),
    "TURNS_AT_ONCE": ("8", "128"),
    "CREWS_AT_ONCE": ("1", "8"),
    "TURNS_WAITING": ("10", "5000"),
    "CREW_STEPS": ("2", "9"),
    "CREW_TOKENS": ("1000", "90000"),
    "STOP_SECONDS": ("0.0", "60.0"),
    "SLACK_BOT_TOKEN": ("xoxb-a", "xoxb-b"),
    "SLACK_APP_TOKEN": ("xapp-a", "xapp-b"),
    "SLACK_SIGNING_SECRET": ("sign-a", "sign-b"),
    "SLACK_API_URL": ("http://slack-a/api", "http://slack-b/api"),
    "DISCORD_BOT_TOKEN": ("discord-a", "discord-b"),
    "DISCORD_API_URL": ("http://discord-a/v10", "http://discord-b/v10"),
    "ADMIN_PASSWORD": ("password-a", "password-b"),
    "API_KEY": ("api-a", "api-b"),
    "REFRESH_CRON": ("5 4 * * *", "off"),
    "SOURCES_FILE": ("/srv/a.toml", "/srv/b.toml"),
    "GOLDEN_FILE": ("/srv/a.jsonl", "/srv/b.jsonl"),
    "GOLDEN_TOLERANCE": ("0.1", "0.2"),
    "GONE_DAYS": ("3.0", "0.0"),
    "EMBEDDING_MODEL": ("BAAI/bge-small-en-v1.5", "/models/mine"),
    "RERANK_MODEL": ("cross-encoder/ms-marco-MiniLM-L6-v2", "/models/rerank"),
}
"""Every name that the README promises, with two values that can be told apart."""

COMPANIONS = {"SLACK_BOT_TOKEN": {"SLACK_APP_TOKEN": "xapp-1"}}
"""What must stand beside a setting for it to be accepted."""


def set_environment(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def write_env(**values: str) -> None:
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")


def read(name: str) -> str:
    value = getattr(load_settings(), name.lower())
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def refusal() -> str:
    with pytest.raises(ConfigurationError) as told:
        load_settings()
    assert "\n" not in told.value.said
    return told.value.said


@pytest.mark.parametrize("name", VALUES)
def test_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    set_environment(monkeypatch, **COMPANIONS.get(name, {}), **{name: VALUES[name][0]})
    assert read(name) == VALUES[name][0]


@pytest.mark.parametrize("name", VALUES)
def test_setting_is_read_from_the_env_file(name: str) -> None:
    write_env(**COMPANIONS.get(name, {}), **{name: VALUES[name][0]})
    assert read(name) == VALUES[name][0]


@pytest.mark.parametrize("name", VALUES)
def test_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    write_env(**COMPANIONS.get(name, {}), **{name: VALUES[name][0]})
    monkeypatch.setenv(name, VALUES[name][1])
    assert read(name) == VALUES[name][1]


@pytest.mark.parametrize("name", VALUES)
def test_empty_value_counts_as_absent(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    usual = read_all(load_settings())
    write_env(**{name: ""})
    assert read_all(load_settings()) == usual
    monkeypatch.setenv(name, "")
    assert read_all(load_settings()) == usual


def read_all(settings: Settings) -> dict[str, object]:
    return settings.model_dump()


def test_nothing_set_is_a_working_service_on_loopback() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.var_dir) == ("127.0.0.1", 8000, ROOT / "var")
    assert settings.sqlalchemy_url == f"sqlite+aiosqlite:///{ROOT / 'var' / 'assistant.db'}"
    assert settings.knowledge_dir.is_dir()
    assert settings.model_endpoint is None
    assert (settings.slack_bot_token, settings.discord_bot_token, settings.chroma_url) == (None, None, None)


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 9


def test_names_are_read_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("llm_model", "small")
    assert load_settings().llm_model == "small"


def test_comments_quotes_and_export_are_understood_in_the_env_file() -> None:
    Path(".env").write_text("# ours\n\nexport PORT=8111  # not 8000\nLLM_MODEL='a b'\n")
    settings = load_settings()
    assert (settings.port, settings.llm_model) == (8111, "a b")


def test_env_file_saved_with_a_byte_order_mark_keeps_its_first_line() -> None:
    Path(".env").write_text("PORT=8111\nLLM_MODEL=small\n", encoding="utf-8-sig")
    settings = load_settings()
    assert (settings.llm_model, settings.port) == ("small", 8111)


def test_foreign_names_in_the_env_file_are_left_alone() -> None:
    write_env(COMPOSE_PROJECT_NAME="mlops", PORT="8111")
    assert load_settings().port == 8111


def test_env_file_by_name_is_read_instead(tmp_path: Path) -> None:
    write_env(PORT="8111")
    (tmp_path / "other.env").write_text("PORT=8222\n")
    assert load_settings(tmp_path / "other.env").port == 8222


def test_broken_line_of_the_env_file_is_named_without_what_it_says() -> None:
    Path(".env").write_text(f"PORT=8000\n\nAPI_KEY {SECRET}\n")
    said = refusal()
    assert ".env, line 3 " in said
    assert SECRET not in said


def test_unclosed_quote_in_the_env_file_is_named_by_its_line() -> None:
    Path(".env").write_text(f'PORT=8000\nAPI_KEY="{SECRET}\n')
    said = refusal()
    assert ".env, line 2 " in said
    assert SECRET not in said


def test_env_file_that_is_no_text_is_told() -> None:
    Path(".env").write_bytes(f"API_KEY={SECRET}".encode() + b"\xff\xfe\n")
    said = refusal()
    assert said.startswith(".env cannot be read as UTF-8 text")
    assert SECRET not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", f"{SECRET}"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("LOG_LEVEL", SECRET),
        ("DATABASE_URL", f"mysql://owner:{SECRET}@db/assistant"),
        ("DATABASE_URL", f"owner:{SECRET}@db"),
        ("DATABASE_URL", f"postgresql://owner:{SECRET}@db:port/assistant"),
        ("DATABASE_URL", "sqlite"),
        ("CHROMA_URL", f"{SECRET}:8000"),
        ("CHROMA_URL", "http://chroma:port"),
        ("LLM_BASE_URL", f"ftp://owner:{SECRET}@model/v1"),
        ("LLM_BASE_URL", "http://"),
        ("LLM_BASE_URL", "http://model:99999/v1"),
        ("LLM_TIMEOUT", "0"),
        ("LLM_RETRIES", "-1"),
        ("SLACK_API_URL", "slack.com/api"),
        ("DISCORD_API_URL", "discord.com"),
        ("PUBLIC_URL", "assistant.example.org"),
        ("REFRESH_CRON", "daily"),
        ("REFRESH_CRON", "1 2 3 4 5 6"),
        ("ROLES", "http,janitor"),
        ("ROLES", ","),
    ],
)
@pytest.mark.parametrize("place", ["environment", "env file"])
def test_wrong_value_is_refused_by_its_name_alone(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, place: str
) -> None:
    if place == "environment":
        monkeypatch.setenv(name, value)
    else:
        write_env(**{name: value})
    said = refusal()
    assert f"{name}: " in said
    assert SECRET not in said


def test_all_wrong_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, PORT="eighty", LLM_BASE_URL="model", REFRESH_CRON="daily")
    said = refusal()
    assert all(name in said for name in ("PORT: ", "LLM_BASE_URL: ", "REFRESH_CRON: "))


@pytest.mark.parametrize("values", [{"DATABASE_URL": f"mysql://owner:{SECRET}@db/a"}, {"HOST": "0.0.0.0"}])  # noqa: S104
def test_secret_is_not_in_the_traceback_of_a_refusal_either(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str]
) -> None:
    set_environment(monkeypatch, ADMIN_PASSWORD=SECRET, **values)
    with pytest.raises(ConfigurationError) as told:
        load_settings()
    assert SECRET not in "".join(traceback.format_exception(told.value))


def test_settings_show_no_secret_when_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ["OPENROUTER_API_KEY", "LLM_API_KEY", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"]
    secrets += ["DISCORD_BOT_TOKEN", "ADMIN_PASSWORD", "API_KEY"]
    set_environment(monkeypatch, **dict.fromkeys(secrets, SECRET))
    assert SECRET not in f"{load_settings()!r} {load_settings()}"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "assistant.example.org"])  # noqa: S104
def test_host_off_loopback_demands_an_api_key(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HOST", host)
    assert f"HOST={host} can be reached from other machines: set API_KEY" in refusal()
    monkeypatch.setenv("API_KEY", SECRET)
    assert load_settings().host == host


def test_api_key_of_blanks_does_not_count_off_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, HOST="0.0.0.0", API_KEY="   ")  # noqa: S104
    assert "API_KEY" in refusal()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_host_on_loopback_needs_no_api_key(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HOST", host)
    assert load_settings().on_loopback


def test_slack_bot_needs_a_way_to_hear_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    assert "SLACK_APP_TOKEN" in refusal()
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "sign")
    assert load_settings().slack_signing_secret is not None


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://me:pw@db/a?sslmode=require", "postgresql+psycopg://me:pw@db/a?sslmode=require"),
        ("postgresql://db/a", "postgresql+psycopg://db/a"),
        ("postgresql+asyncpg://db/a", "postgresql+psycopg://db/a"),
        ("sqlite:////srv/a.db", "sqlite+aiosqlite:////srv/a.db"),
        ("sqlite+pysqlite:///a.db", "sqlite+aiosqlite:///a.db"),
    ],
)
def test_database_is_reached_through_our_driver(monkeypatch: pytest.MonkeyPatch, given: str, used: str) -> None:
    monkeypatch.setenv("DATABASE_URL", given)
    assert load_settings().sqlalchemy_url == used


@pytest.mark.parametrize(
    ("values", "endpoint"),
    [
        ({"OPENROUTER_API_KEY": "or"}, (OPENROUTER_URL, "or")),
        ({"LLM_API_KEY": "key"}, (OPENROUTER_URL, "key")),
        ({"LLM_BASE_URL": "http://ollama/v1"}, ("http://ollama/v1", "none")),
        ({"LLM_BASE_URL": "http://vllm/v1/", "LLM_API_KEY": "key"}, ("http://vllm/v1", "key")),
        ({"LLM_BASE_URL": "http://vllm/v1", "OPENROUTER_API_KEY": "or"}, ("http://vllm/v1", "none")),
        ({"LLM_API_KEY": "key", "OPENROUTER_API_KEY": "or"}, (OPENROUTER_URL, "or")),
    ],
)
def test_endpoint_of_the_language_model_follows_from_what_is_set(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], endpoint: tuple[str, str]
) -> None:
    set_environment(monkeypatch, **values)
    assert load_settings().model_endpoint == endpoint


FALLBACKS = (
    '[{"base_url": "http://ollama:11434/v1/", "model": "qwen3:8b"},'
    f' {{"base_url": "https://vllm/v1", "model": "llama", "api_key": "{SECRET}"}}]'
)


@pytest.mark.parametrize("by", ["environment", "file"])
def test_fallbacks_stand_behind_the_first_endpoint_in_order(monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    values = {"LLM_BASE_URL": "http://first/v1", "LLM_MODEL": "one", "LLM_FALLBACKS": FALLBACKS}
    set_environment(monkeypatch, **values) if by == "environment" else write_env(**values)
    settings = load_settings()

    assert [(e.base_url, e.model, e.api_key.get_secret_value()) for e in settings.model_endpoints] == [
        ("http://first/v1", "one", "none"),
        ("http://ollama:11434/v1", "qwen3:8b", "none"),
        ("https://vllm/v1", "llama", SECRET),
    ]
    assert settings.elsewhere(port=9123).model_endpoints == settings.model_endpoints
    assert SECRET not in repr(settings)


def test_prices_and_budgets_are_read_in_dollars(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(
        monkeypatch, LLM_PRICES='{"openai/gpt-4o-mini": [0.15, 0.60]}', BUDGET_USER="0.5", BUDGET_CHANNEL="0"
    )
    settings = load_settings()

    assert settings.llm_prices == {"openai/gpt-4o-mini": (0.15, 0.60)}
    assert settings.budgets == {"user": 500_000, "channel": 0}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LLM_FALLBACKS", f"[{{'base_url': 'http://a/v1', 'model': 'm', 'api_key': '{SECRET}'}}]"),
        ("LLM_FALLBACKS", f'[{{"base_url": "ollama:11434", "model": "m", "api_key": "{SECRET}"}}]'),
        ("LLM_FALLBACKS", f'[{{"base_url": "http://a/v1", "api_key": "{SECRET}"}}]'),
        ("LLM_FALLBACKS", f'{{"base_url": "http://a/v1", "model": "m", "api_key": "{SECRET}"}}'),
        ("LLM_PRICES", "cheap"),
        ("LLM_PRICES", '{"openai/gpt-4o-mini": 0.15}'),
        ("LLM_PRICES", '{"openai/gpt-4o-mini": ["a", "b"]}'),
    ],
)
@pytest.mark.parametrize("by", ["environment", "file"])
def test_json_that_cannot_be_used_is_named_without_what_it_holds(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, by: str
) -> None:
    set_environment(monkeypatch, **{name: value}) if by == "environment" else write_env(**{name: value})
    said = refusal()

    assert name in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"HOST": "0.0.0.0", "PORT": "80"}, "http://127.0.0.1:80"),  # noqa: S104
        ({"HOST": "::1"}, "http://[::1]:8000"),
        ({"PUBLIC_URL": "https://assistant.example.org/"}, "https://assistant.example.org"),
    ],
)
def test_address_can_be_opened_in_a_browser(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], address: str
) -> None:
    set_environment(monkeypatch, API_KEY=SECRET, **values)
    assert load_settings().address == address


def test_roles_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLES", "http, slack,")
    assert load_settings().roles == {"http", "slack"}


@pytest.mark.parametrize(
    ("named", "shards"),
    [("0-3", (0, 1, 2, 3)), ("5", (5,)), ("4,0-1, 1", (0, 1, 4)), ("", ())],
)
def test_shards_are_numbers_and_spans(monkeypatch: pytest.MonkeyPatch, named: str, shards: tuple[int, ...]) -> None:
    set_environment(monkeypatch, DISCORD_SHARD_IDS=named, DISCORD_SHARD_COUNT="16")
    assert load_settings().discord_shard_ids == shards


@pytest.mark.parametrize("named", ["all", "-1", "1-", "3-1", "0;1", "0-3/16"])
def test_shards_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    set_environment(monkeypatch, DISCORD_SHARD_IDS=named, DISCORD_SHARD_COUNT="16")
    with pytest.raises(ConfigurationError, match=r"DISCORD_SHARD_IDS: must be numbers, or spans"):
        load_settings()


@pytest.mark.parametrize("count", [None, "3"])
def test_shards_need_a_count_above_them(monkeypatch: pytest.MonkeyPatch, count: str | None) -> None:
    set_environment(monkeypatch, DISCORD_SHARD_IDS="0-3", **({"DISCORD_SHARD_COUNT": count} if count else {}))
    with pytest.raises(ConfigurationError, match="DISCORD_SHARD_COUNT beside them, above the last"):
        load_settings()


def test_relative_var_dir_stands_below_the_working_folder_for_workers_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAR_DIR", "my-var")
    settings = load_settings()
    assert settings.var_dir == tmp_path / "my-var"
    assert settings.model_dir.is_absolute()
    assert settings.index_dir.is_absolute()


def test_overrides_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8111")
    assert load_settings(port=8222).port == 8222


def test_libraries_are_quiet_unless_the_owner_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in QUIET:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    quiet_libraries()
    assert {name: os.environ[name] for name in QUIET} == {**QUIET, "HF_HUB_OFFLINE": "0"}


def test_worker_processes_start_with_quiet_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    given = child_environment(EXTRA="1")
    assert QUIET.items() <= given.items()
    assert (given["HTTPS_PROXY"], given["EXTRA"]) == ("http://proxy:3128", "1")
    assert "EXTRA" not in os.environ


def test_crewai_keeps_its_state_below_var_dir(tmp_path: Path) -> None:
    load_settings(var_dir=tmp_path / "v")
    assert os.environ["CREWAI_STORAGE_DIR"] == str(tmp_path / "v" / "crewai")


def test_importing_the_settings_alone_quiets_the_libraries() -> None:
    script = "import core.settings, os, sys; print(os.environ['ANONYMIZED_TELEMETRY'], 'chromadb' in sys.modules)"
    bare = {"PATH": os.environ["PATH"]}
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], cwd=ROOT, env=bare, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


def reads_environment(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr="environ" | "environb" | "getenv" | "getenvb" | "putenv"):
            return True
        case ast.ImportFrom(module="os", names=names):
            return any(name.name in {"environ", "environb", "getenv", "getenvb"} for name in names)
    return False


def readers_of_the_environment(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for room in ("bot", "core", "admin", "migrations")
        for path in (folder / room).rglob("*.py")
        if any(reads_environment(node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    }


def test_environment_has_one_reader() -> None:
    assert readers_of_the_environment(ROOT) == {"core/settings.py"}


def test_example_of_the_env_file_names_every_setting_and_no_other() -> None:
    example = ROOT / ".env.example"
    written = example.read_text(encoding="utf-8").replace("\n# ", "\n#").splitlines()
    names = {line.lstrip("#").partition("=")[0] for line in written if line.lstrip("#").partition("=")[0].isupper()}
    assert names == {name.upper() for name in Settings.model_fields}


def test_example_of_the_env_file_can_be_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes((ROOT / ".env.example").read_bytes())
    assert load_settings().on_loopback


def test_secrets_may_be_files_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    for name in ("api_key", "admin_password"):
        (tmp_path / name).write_text(f"{name} of the file\n")
    monkeypatch.setenv("ADMIN_PASSWORD", "of the environment")
    settings = load_settings()
    assert settings.api_key == SecretStr("api_key of the file")
    assert settings.admin_password == SecretStr("of the environment")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything, so the block goes on as somebody who may not."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_secret_that_may_not_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own may be entered by its user alone
        Path(folder).chmod(0o755)
        file = Path(folder, "api_key")
        file.write_text(SECRET)
        file.chmod(0)
        monkeypatch.setenv("SECRETS_DIR", folder)
        monkeypatch.chdir("/")
        with as_nobody(), pytest.raises(ConfigurationError) as told:
            load_settings()
    assert f"A secret in {folder} cannot be read: [Errno 13] Permission denied" in told.value.said


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("postgresql://ann@db:5432/a", "postgresql+psycopg://ann:p%40ss%2Fw@db:5432/a"),
        ("postgresql://ann:own@db/a", "postgresql+psycopg://ann:own@db/a"),
        ("sqlite:///a.db", "sqlite+aiosqlite:///a.db"),
    ],
)
def test_password_of_the_database_may_stand_apart(url: str, used: str) -> None:
    assert load_settings(database_url=url, database_password="p@ss/w").sqlalchemy_url == used
