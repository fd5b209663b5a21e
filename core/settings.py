"""The only reader of the environment.

Comes in: environment variables, `.env`, and secrets as files. Goes out: one validated, immutable `Settings`.
`quiet_libraries`, called when `core` is imported, keeps libraries from phoning home.
"""

import ipaddress
import os
import re
from base64 import urlsafe_b64decode
from collections.abc import Generator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit

from dotenv.parser import Original, parse_stream
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import from_json
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from core.errors import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent
SECRETS = "/run/secrets"
"""Where containers find secrets: a file a setting, of its name. SECRETS_DIR in the environment names another folder."""

OPENROUTER_URL = "https://openrouter.ai/api/v1"

DEFAULT_MODEL = "all-MiniLM-L6-v2"
"""The embedding model whose weights are installed with the project."""

CRON_FIELDS = 5

ROLES = frozenset({"http", "slack", "discord", "worker"})
"""What a process may do: serve HTTP and the console, listen to Slack, to Discord, keep the index fresh."""

FERNET_BYTES = 32

QUIET = {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime calls home within a minute of its first session
    "ANONYMIZED_TELEMETRY": "False",  # chromadb
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_TESTING": "true",  # switches off CrewAI's first-run question on the terminal
    "OTEL_SDK_DISABLED": "true",
    "LANGSMITH_TRACING": "false",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def quiet_libraries() -> None:
    """Sets what third-party libraries read from the environment, unless the owner has set it already."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


@contextmanager
def tracing_allowed() -> Generator[None]:
    """Lets a tracer of our own be made while the block runs: what keeps libraries quiet would keep it quiet too."""
    quiet = os.environ.pop("OTEL_SDK_DISABLED", None)
    try:
        yield
    finally:
        if quiet is not None:
            os.environ["OTEL_SDK_DISABLED"] = quiet


def _without_trailing_slash(url: str) -> str:
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(_without_trailing_slash)]


class Endpoint(BaseModel):
    """One more OpenAI-compatible endpoint of a language model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: Annotated[str, Field(pattern=r"^https?://[^/]+"), AfterValidator(_without_trailing_slash)]
    model: str = Field(min_length=1)
    api_key: SecretStr = SecretStr("none")


class Settings(BaseSettings):
    """Everything that can be configured. A channel is on when its token is there."""

    model_config = SettingsConfigDict(
        env_file=None, extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on. Off loopback an API_KEY is demanded.")
    port: int = Field(8000, ge=1, le=65535, description="Port of the HTTP service and the console.")
    public_url: Url | None = Field(None, description="Address under which people reach the console, for links.")
    var_dir: Path = Field(ROOT / "var", description="Folder for everything written at run time.")
    knowledge_dir: Path = Field(ROOT / "data" / "knowledge", description="Folder of the Markdown pages to index.")
    sources_file: Path = Field(ROOT / "data" / "sources.toml", description="Sources to begin with; edited later.")
    golden_file: Path = Field(
        ROOT / "data" / "golden.jsonl", description="Golden questions to begin with; edited later."
    )
    golden_tolerance: float = Field(0.05, ge=0, le=1, description="How much worse a metric of a new version may be.")
    gone_days: float = Field(7, ge=0, description="Days that a page which is gone stays in the index.")
    embedding_model: str = Field(
        DEFAULT_MODEL, min_length=1, description="Or another sentence-transformers model: its name or folder."
    )
    rerank_model: str | None = Field(None, description="Cross-encoder that re-orders what was found: name or folder.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="How much is logged.")
    log_format: Literal["text", "json"] = Field("text", description="How: lines for people, or an object a line.")

    database_url: str | None = Field(None, description="SQLite in VAR_DIR unless this names a Postgres.")
    database_password: SecretStr | None = Field(None, description="Password for a DATABASE_URL that has none.")
    chroma_url: Url | None = Field(None, description="Chroma server; embedded in VAR_DIR when absent.")

    openrouter_api_key: SecretStr | None = Field(None, description="Key for OpenRouter; sets the endpoint too.")
    llm_base_url: Url | None = Field(None, description="Any other OpenAI-compatible endpoint.")
    llm_api_key: SecretStr | None = Field(None, description="Key for LLM_BASE_URL, where it wants one.")
    llm_model: str = Field("openai/gpt-4o-mini", description="Name of the model at the endpoint.")
    llm_fallbacks: Annotated[tuple[Endpoint, ...], NoDecode] = Field(
        (), description="Endpoints to try next, in order, as a JSON list."
    )
    llm_timeout: float = Field(300, gt=0, le=3600, description="Seconds that one call of the model may take.")
    llm_first_token_timeout: float = Field(60, gt=0, le=600, description="Seconds until its first token.")
    llm_token_timeout: float = Field(30, gt=0, le=600, description="Seconds between two tokens.")
    llm_retries: int = Field(2, ge=0, le=10, description="Repeats after a connection error, 429 or 5xx.")
    llm_temperature: float = Field(0.2, ge=0, le=2, description="How freely the model chooses its words.")
    llm_prices: Annotated[dict[str, tuple[float, float]], NoDecode] = Field(
        default_factory=dict[str, tuple[float, float]],
        description='Dollars a million tokens, in and out, as JSON: {"openai/gpt-4o-mini": [0.15, 0.60]}.',
    )
    llm_images: bool = Field(False, description="Whether the model takes pictures that come with a question.")
    budget_user: float | None = Field(None, ge=0, description="Dollars that one person's questions may cost a day.")
    budget_channel: float | None = Field(None, ge=0, description="Dollars a channel a day.")
    budget_workspace: float | None = Field(None, ge=0, description="Dollars a workspace a day.")

    unsupported: Literal["mark", "drop", "keep"] = Field(
        "mark", description="What becomes of a sentence that no passage supports."
    )
    memory_tokens: int = Field(1_500, ge=100, description="Tokens of recent messages that a turn sees whole.")
    durable_turns: bool = Field(True, description="Whether `serve` finishes, after a crash, what was being answered.")
    turns_at_once: int = Field(64, ge=1, description="Questions answered side by side; more wait in line.")
    crews_at_once: int = Field(4, ge=1, description="Of them, by the crew.")
    turns_waiting: int = Field(1_000, ge=1, description="Questions that may wait in line; more are refused.")
    crew_steps: int = Field(5, ge=1, le=20, description="Model calls that the researcher of a crew may make.")
    crew_tokens: int = Field(40_000, ge=1_000, description="Tokens that a crew may use for one question.")
    stop_seconds: float = Field(20, ge=0, description="How long running answers may take once told to stop.")

    slack_bot_token: SecretStr | None = Field(None, description="xoxb-…; switches Slack on.")
    slack_app_token: SecretStr | None = Field(None, description="xapp-…; Socket Mode.")
    slack_signing_secret: SecretStr | None = Field(None, description="HTTP Events API at /slack/events.")
    slack_client_id: str | None = Field(None, description="Offers the app to several workspaces, at /slack/install.")
    slack_client_secret: SecretStr | None = Field(None, description="Beside SLACK_CLIENT_ID.")
    slack_token_key: SecretStr | None = Field(None, description="Key under which the workspaces' tokens are stored.")
    slack_api_url: Url = Field("https://slack.com/api", description="Base address of Slack's Web API.")

    chat_owners: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(), description="Ids of people who may change settings by command, besides admins; comma-separated."
    )
    catch_up_hours: float = Field(
        6, ge=0, le=168, description="Questions up to this old that came while nobody listened are answered late."
    )

    discord_bot_token: SecretStr | None = Field(None, description="Switches Discord on.")
    discord_api_url: Url = Field("https://discord.com/api/v10", description="Base address of Discord's REST API.")
    discord_shard_ids: Annotated[tuple[int, ...], NoDecode] = Field(
        (), description="Shards that this process connects, as `0-3` or `0,1`; all that Discord advises when absent."
    )
    discord_shard_count: int | None = Field(None, ge=1, description="How many shards all processes have together.")

    admin_password: SecretStr | None = Field(None, description="Console password; generated when absent.")
    api_key: SecretStr | None = Field(None, description="Key that HTTP callers must send, or one of the console's.")
    oidc_issuer: Url | None = Field(None, description="OpenID Connect provider that logs people in to the console.")
    oidc_client_id: str | None = Field(None, description="How it knows us.")
    oidc_client_secret: SecretStr | None = Field(None, description="Beside OIDC_CLIENT_ID, where it gave one.")
    oidc_role_claim: str = Field("groups", min_length=1, description="The claim that OIDC_ROLES are about.")
    oidc_roles: Annotated[dict[str, Literal["viewer", "editor", "owner"]], NoDecode] = Field(
        default_factory=dict[str, Literal["viewer", "editor", "owner"]],
        description="Roles by group or e-mail, as JSON; without it only known people are let in.",
    )
    metrics_token: SecretStr | None = Field(
        None, description="What a Prometheus sends to read /metrics, beside API_KEY and keys with the scope metrics."
    )
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Where a process without the role http answers /health and /metrics."
    )
    otel_exporter_otlp_endpoint: Url | None = Field(
        None, description="Collector of OpenTelemetry that traces go to, such as http://127.0.0.1:4318."
    )
    refresh_cron: str = Field("17 3 * * *", description="When the index is refreshed (UTC); `off` for never.")
    roles: Annotated[frozenset[str], NoDecode] = Field(
        ROLES,
        description="What this process does; comma-separated. `serve --roles` overrides it.",
    )

    @field_validator("var_dir", "knowledge_dir", "sources_file", "golden_file")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()  # worker processes run in another folder

    @field_validator("llm_fallbacks", "llm_prices", "oidc_roles", mode="before")
    @classmethod
    def _read_json(cls, value: Any) -> Any:
        try:
            return from_json(value) if isinstance(value, str) else value
        except ValueError:
            raise ValueError("must be JSON, in double quotes and on one line") from None  # it may hold a key

    @field_validator("roles", "chat_owners", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return frozenset(r.strip() for r in value.split(",") if r.strip()) if isinstance(value, str) else value

    @field_validator("roles")
    @classmethod
    def _known_roles(cls, value: frozenset[str]) -> frozenset[str]:
        unknown = value - ROLES
        if unknown or not value:
            raise ValueError(f"{', '.join(sorted(unknown)) or 'nothing'} is no role: use http, slack, discord, worker")
        return value

    @field_validator(
        "llm_base_url",
        "chroma_url",
        "slack_api_url",
        "discord_api_url",
        "public_url",
        "oidc_issuer",
        "otel_exporter_otlp_endpoint",
    )
    @classmethod
    def _http_address(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in {"http", "https"} or not _has_place(value)):
            raise ValueError("must be an address that begins with http:// or https://, with a host and a possible port")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        if value is None:
            return None
        scheme = value.partition("://")[0].partition("+")[0]
        file = scheme == "sqlite" and bool(value.partition(":///")[2])
        server = scheme in {"postgres", "postgresql"} and _has_place(value)
        if not (file or server):
            raise ValueError("must be postgresql://user:password@host/name or sqlite:///path/of/the/file")
        return value

    @field_validator("discord_shard_ids", mode="before")
    @classmethod
    def _spans(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        spans = [re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part.strip()) for part in value.split(",") if part.strip()]
        found = sorted({n for span in spans if span for n in range(int(span[1]), int(span[2] or span[1]) + 1)})
        if not all(spans) or bool(spans) is not bool(found):
            raise ValueError("must be numbers, or spans of them, such as 0-3 or 0,1")
        return tuple(found)

    @field_validator("slack_token_key")
    @classmethod
    def _fernet_key(cls, value: SecretStr | None) -> SecretStr | None:
        try:
            known = value is None or len(urlsafe_b64decode(value.get_secret_value())) == FERNET_BYTES
        except ValueError:
            known = False
        if not known:
            raise ValueError("must be 32 random bytes in URL-safe base64: `openssl rand -base64 32 | tr +/ -_`")
        return value

    @field_validator("refresh_cron")
    @classmethod
    def _five_fields(cls, value: str) -> str:
        if value != "off" and len(value.split()) != CRON_FIELDS:
            raise ValueError("must have the five fields of cron, such as `17 3 * * *`, or be `off`")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.slack_bot_token and not (self.slack_app_token or self.slack_signing_secret):
            raise ValueError(
                "SLACK_BOT_TOKEN needs SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP events) beside it"
            )
        if self.slack_client_id and not (self.slack_client_secret and self.slack_token_key):
            raise ValueError("SLACK_CLIENT_ID needs SLACK_CLIENT_SECRET and SLACK_TOKEN_KEY beside it")
        if self.slack_client_id and self.slack_bot_token:
            raise ValueError("SLACK_BOT_TOKEN is for one workspace and SLACK_CLIENT_ID for several: set one of them")
        if self.slack_client_id and not (self.slack_app_token or self.slack_signing_secret):
            raise ValueError("SLACK_CLIENT_ID needs SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET beside it")
        if self.discord_shard_ids and self.discord_shard_ids[-1] >= (self.discord_shard_count or 0):
            raise ValueError(
                "DISCORD_SHARD_IDS are counted from 0 and need DISCORD_SHARD_COUNT beside them, above the last of them"
            )
        if bool(self.oidc_issuer) is not bool(self.oidc_client_id):
            raise ValueError("OIDC_ISSUER and OIDC_CLIENT_ID need each other")
        if self.llm_fallbacks and self.model_endpoint is None:
            raise ValueError("LLM_FALLBACKS come after a first endpoint: set LLM_BASE_URL or OPENROUTER_API_KEY too")
        if not self.on_loopback and not (self.api_key and self.api_key.get_secret_value().strip()):
            raise ValueError(
                f"HOST={self.host} can be reached from other machines: set API_KEY to a long random value, "
                "or listen on 127.0.0.1"
            )
        return self

    @property
    def shares_index(self) -> bool:
        """Whether other processes may use the same index: then one worker of all refreshes it."""
        return bool(self.chroma_url) and self.database_file is None

    @property
    def speaks_slack(self) -> bool:
        """Whether Slack is set up, for one workspace or for several."""
        return bool(self.slack_bot_token or self.slack_client_id)

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the HTTP service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def address(self) -> str:
        """Where people open the console: PUBLIC_URL, or where this process listens."""
        return self.public_url or self.local_address

    @property
    def local_address(self) -> str:
        """Where other processes of this machine reach this one."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @cached_property
    def sqlalchemy_url(self) -> str:
        """DATABASE_URL with the driver this project uses: psycopg for Postgres, aiosqlite for SQLite."""
        if self.database_url is None:
            return f"sqlite+aiosqlite:///{self.var_dir / 'assistant.db'}"
        scheme, _, rest = self.database_url.partition("://")
        if not scheme.startswith("postgres"):
            return f"sqlite+aiosqlite://{rest}"
        user, at, place = rest.rpartition("@")
        if self.database_password and user and ":" not in user:
            user = f"{user}:{quote(self.database_password.get_secret_value(), safe='')}"
        return f"postgresql+psycopg://{user}{at}{place}"

    @property
    def database_file(self) -> Path | None:
        """The file of the SQLite database; None for a Postgres."""
        scheme, _, path = self.sqlalchemy_url.partition(":///")
        return Path(path.partition("?")[0]) if scheme.startswith("sqlite") else None

    @property
    def budgets(self) -> dict[str, int]:
        """Micro-dollars a day, by scope, of the budgets that are set."""
        limits = {"user": self.budget_user, "channel": self.budget_channel, "workspace": self.budget_workspace}
        return {scope: round(limit * 1_000_000) for scope, limit in limits.items() if limit is not None}

    @property
    def ledger_url(self) -> str:
        """Where turns are written down for after a crash: the Postgres, or a SQLite file of its own."""
        if self.database_file is None:
            return self.sqlalchemy_url
        return f"sqlite:///{self.database_file.with_name('turns.db')}"

    @property
    def model_endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints of language models, in the order in which they are tried; none when answers are quoted."""
        if self.model_endpoint is None:
            return ()
        address, key = self.model_endpoint
        first = Endpoint.model_construct(base_url=address, model=self.llm_model, api_key=SecretStr(key))
        return (first, *self.llm_fallbacks)

    @property
    def model_endpoint(self) -> tuple[str, str] | None:
        """(base address, key) of the language model, or None when answers are quoted without one."""
        if self.llm_base_url:
            return self.llm_base_url, self.llm_api_key.get_secret_value() if self.llm_api_key else "none"
        if self.openrouter_api_key:
            return OPENROUTER_URL, self.openrouter_api_key.get_secret_value()
        if self.llm_api_key:
            return OPENROUTER_URL, self.llm_api_key.get_secret_value()
        return None

    def elsewhere(self, **overrides: Any) -> "Settings":
        """The same settings with `overrides`, validated again; nothing that was derived from the old ones is kept."""
        return Settings.model_validate({**self.model_dump(), **overrides})

    @property
    def model_dir(self) -> Path:
        """Where the packaged embedding model stands."""
        return self.model_dir_of(self.embedding_model)

    def model_dir_of(self, model: str) -> Path:
        """Where an embedding model stands when it is packaged; those of earlier settings stay."""
        return self.var_dir / "models" / re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-.")

    @property
    def index_dir(self) -> Path:
        """Where embedded index versions stand, one folder each."""
        return self.var_dir / "index"


def load_settings(env_file: Path | None = None, **overrides: Any) -> Settings:
    """Reads the environment, `.env` of the working folder and the folder of secrets, in this order; `overrides` win.

    Raises ConfigurationError with one line a mistake.
    """
    path = env_file or Path(".env")
    _check_env_file(path)
    secrets = Path(os.environ.get("SECRETS_DIR") or SECRETS)
    sources: dict[str, Any] = {"_env_file": path, "_env_file_encoding": "utf-8"}
    try:
        if secrets.is_dir():
            sources["_secrets_dir"] = secrets
        settings = Settings(**sources, **overrides)
    except ValidationError as error:
        raise ConfigurationError(_explain(error)) from error
    except (OSError, SettingsError) as error:  # pydantic-settings wraps what reading a file raised
        raise ConfigurationError(
            f"A secret in {secrets} cannot be read: {error.__cause__ or error}. Give it to the user that the assistant "
            "runs as; nothing was started."
        ) from error
    # What these two keep, they keep here instead of in the home directory or the working folder.
    os.environ["CREWAI_STORAGE_DIR"] = str(settings.var_dir / "crewai")
    os.environ["NICEGUI_STORAGE_PATH"] = str(settings.var_dir / "nicegui")
    return settings


def child_environment(**extra: str) -> dict[str, str]:
    """The environment that worker processes start with."""
    return {**os.environ, **extra}


def _check_env_file(path: Path) -> None:
    if not path.is_file():
        return
    try:
        with path.open(encoding="utf-8") as stream:
            broken = [_line_of(binding.original) for binding in parse_stream(stream) if binding.error]
    except (UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"{path} cannot be read as UTF-8 text: {error}. Nothing was started.") from error
    if broken:
        raise ConfigurationError(
            f"{path}, line {broken[0]} is not of the form NAME=value. Mend or remove it; nothing was started."
        )


def _line_of(original: Original) -> int:
    """The number of the line that could not be read; the parser counts from the blank lines before it."""
    return original.line + len(original.string) - len(original.string.lstrip("\n"))


def _has_place(address: str) -> bool:
    """Whether an address names a host, or a socket as Postgres has them, and no impossible port."""
    try:
        parts = urlsplit(address)
        return parts.port != 0 and bool(parts.hostname or "host=" in parts.query)
    except ValueError:
        return False


def _explain(error: ValidationError) -> str:
    def line(item: Any) -> str:
        name = "_".join(str(part) for part in item["loc"]).upper()
        reason = item["msg"].removeprefix("Value error, ")
        return f"{name}: {reason}" if name else reason

    reasons = "; ".join(line(item) for item in error.errors(include_input=False, include_url=False))
    return f"The settings cannot be used. {reasons}. See .env.example for all of them."
