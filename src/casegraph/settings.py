"""Everything that can be set, from the environment or a TOML file, checked before anything starts.

Environment variables start with `CASEGRAPH_` and use `__` for nesting; they win over the file that
`--config` or `CASEGRAPH_CONFIG` names.
Invariant: a setting that cannot work ends the start and is named; secrets print as stars. Only
`app`, its helpmate `wiring` and the commands import this module.
"""

import os
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from casegraph.errors import CasegraphError, SettingsInvalid
from casegraph.linking.rules import LinkRuleError, Rule, parse_rule
from casegraph.upstreams.paths import int32, split_base

PREFIX = "CASEGRAPH_"

SLOWEST_PER_SECOND = 0.01
"""Slowest pace taken: a call in 100 s; the longest request lives 30 s."""

LinkName = Literal["reviews", "ratings", "customer"]
_LINKS: tuple[LinkName, ...] = ("reviews", "ratings", "customer")


class _Part(BaseModel):
    """A group of settings; unknown names in the environment are told of, in a file refused."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class UpstreamSettings(_Part):
    """What every upstream has."""

    url: str | None = Field(None, description="Base URL; unset means not connected.")
    concurrency: int = Field(8, ge=1, le=256, description="Calls at the same time at most.")
    max_per_second: float = Field(
        0.0, ge=0, le=10_000, description="Pace in calls a second; 0 is no pace."
    )
    burst: int = Field(5, ge=1, le=1000, description="Calls that may come at once, with a pace.")

    @field_validator("max_per_second")
    @classmethod
    def _refuse_standstill(cls, value: float) -> float:
        """Refuse a pace that no request could live to see."""
        if 0 < value < SLOWEST_PER_SECOND:
            raise ValueError(f"a pace of at least {SLOWEST_PER_SECOND} is asked for, or 0 for none")
        return value

    def missing(self) -> list[str]:
        """Return the names of settings without which this upstream cannot be used."""
        raise NotImplementedError

    def is_configured(self) -> bool:
        """Return whether a URL is set."""
        return self.url is not None

    def _blank(self, *names: str) -> list[str]:
        """Return those of these settings that are unset or empty; an empty secret is none."""
        return [name for name in names if not getattr(self, name)]


class ActionManagementSettings(UpstreamSettings):
    """Forsta Action Management."""

    url: str | None = Field(None, description="Base URL up to and without `/hubs`.")
    token_url: str | None = Field(None, description="Where OAuth tokens are asked for.")
    client_id: SecretStr | None = Field(None, description="OAuth client id.")
    client_secret: SecretStr | None = Field(None, description="OAuth client secret.")
    scope: str = Field("pub.actionmanagement", description="OAuth scopes, separated by spaces.")
    token: SecretStr | None = Field(None, description="A fixed bearer token, in place of OAuth.")
    hubs: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None,
        description=(
            "Hubs that other systems' case ids refer to, separated by commas; unset: the vendor's"
            " hub list."
        ),
    )

    @field_validator("hubs", mode="before")
    @classmethod
    def _read_hubs(cls, value: Any) -> Any:
        """Take `96,97`, `[96, "97"]` as JSON, and a list."""
        if isinstance(value, str):
            value = value.strip().removeprefix("[").removesuffix("]").split(",")
        if isinstance(value, int):
            value = [value]
        if isinstance(value, list | tuple):
            return tuple(str(hub).strip().strip('"') for hub in value if str(hub).strip())
        return value

    def missing(self) -> list[str]:
        """Either a fixed token, or all that OAuth needs."""
        return [] if self.token else self._blank("token_url", "client_id", "client_secret")


class CaseReviewsSettings(UpstreamSettings):
    """Trackops case reviews."""

    url: str | None = Field(None, description="Base URL up to and without `/case/reviews`.")
    username: str | None = Field(None, description="The API user's name.")
    token: SecretStr | None = Field(None, description="The company's API token.")
    concurrency: int = Field(1, ge=1, le=256, description="Calls at the same time at most.")
    max_per_second: float = Field(
        0.5, ge=0, le=10_000, description="Pace in calls a second; 0 is no pace."
    )

    def missing(self) -> list[str]:
        """Both parts of the credentials."""
        return self._blank("username", "token")


class RatingsSettings(UpstreamSettings):
    """Kayako satisfaction ratings."""

    url: str | None = Field(None, description="Base URL up to and without `/cases`.")
    email: str | None = Field(None, description="The agent to sign in as.")
    password: SecretStr | None = Field(None, description="The agent's password.")
    token: SecretStr | None = Field(None, description="A bearer token, in place of signing in.")

    def missing(self) -> list[str]:
        """Either a token, or e-mail and password."""
        return [] if self.token else self._blank("email", "password")


class CustomerCasesSettings(UpstreamSettings):
    """The CRM behind the Khoros connector."""

    url: str | None = Field(None, description="Base URL up to and without `/customer`.")
    auth_header: str = Field("Authorization", description="Header that carries the fixed value.")
    auth_value: SecretStr | None = Field(None, description="The fixed value.")

    def missing(self) -> list[str]:
        """Return which of the header and its fixed value are missing."""
        return self._blank("auth_header", "auth_value")


class LinkSettings(_Part):
    """Who is the same case: `case_id`, `data_field:NAME` or `table:PATH`."""

    reviews: str = Field("case_id", description="From a case to the reviews system.")
    ratings: str = Field("case_id", description="From a case to the ratings system.")
    customer: str = Field("data_field:customer_id", description="From a case to its customer.")

    def rule(self, name: LinkName) -> Rule:
        """Return a rule; raises SettingsInvalid."""
        try:
            return parse_rule(getattr(self, name))
        except LinkRuleError as error:
            raise SettingsInvalid(f"{PREFIX}LINKS__{name.upper()}: {error}") from None


class CacheSettings(_Part):
    """Where look-ups are kept."""

    url: SecretStr = Field(
        SecretStr("memory://"), description="`memory://`, or `redis://host:port/db`."
    )


class LogSettings(_Part):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least serious line that is written."
    )
    format: Literal["json", "human"] = Field("json", description="One JSON object a line, or text.")


class OtelSettings(_Part):
    """Where OpenTelemetry spans go; needs the extra `casegraph[otel]`."""

    endpoint: str | None = Field(None, description="OTLP/HTTP collector; unset means no tracing.")
    headers: dict[str, SecretStr] = Field(
        {}, description="Headers for the collector, as a JSON object."
    )
    sample_ratio: float = Field(
        1.0, ge=0, le=1, description="Share of requests that are traced, unless their caller says."
    )


class Settings(BaseSettings):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,  # `NAME=` in a compose file means not set
        extra="forbid",
        frozen=True,
    )

    host: str = Field("127.0.0.1", description="Where to listen.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    deadline_ms: int = Field(
        10_000,
        ge=100,
        le=30_000,
        description="Time for a whole request, in ms; the header X-Deadline-Ms may shorten it.",
    )
    drain_seconds: float | None = Field(
        None,
        ge=0,
        le=60,
        description="After SIGTERM: time not ready but still answering; unset: 5, on loopback 0.",
    )
    exchange: Literal["pyreqwest", "httpx"] = Field(
        "pyreqwest", description="The HTTP client behind all upstream calls."
    )
    explorer: bool | None = Field(
        None, description="Serve GraphiQL; unset: only when listening on loopback."
    )
    explorer_fallback: Literal["message", "cdn"] = Field(
        "message",
        description="Without the built explorer: tell how to get it, or load it from a CDN.",
    )
    metrics: bool | None = Field(
        None, description="Serve `/metrics`; unset: only when listening on loopback."
    )
    introspection: bool | None = Field(
        None, description="Answer introspection; unset: only when listening on loopback."
    )
    action_management: ActionManagementSettings = ActionManagementSettings()
    case_reviews: CaseReviewsSettings = CaseReviewsSettings()
    ratings: RatingsSettings = RatingsSettings()
    customer_cases: CustomerCasesSettings = CustomerCasesSettings()
    links: LinkSettings = LinkSettings()
    cache: CacheSettings = CacheSettings()
    log: LogSettings = LogSettings()
    otel: OtelSettings = OtelSettings()

    @classmethod
    def settings_customise_sources(  # noqa: D102  pydantic's hook
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse what could only fail later; every message names the setting."""
        for name, upstream in self.upstreams().items():
            _check_upstream(name, upstream)
        for link in _LINKS:
            self.links.rule(link)
        for hub in self.action_management.hubs or ():
            try:
                int32("hubs", hub)
            except CasegraphError:
                raise SettingsInvalid(f"{PREFIX}ACTION_MANAGEMENT__HUBS: not a hub id.") from None
        return self

    def upstreams(self) -> dict[str, UpstreamSettings]:
        """Return the upstreams' settings by name."""
        return {
            "action_management": self.action_management,
            "case_reviews": self.case_reviews,
            "ratings": self.ratings,
            "customer_cases": self.customer_cases,
        }

    def is_loopback(self) -> bool:
        """Return whether only this machine can ask."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def on_loopback(self, chosen: bool | None) -> bool:
        """Return a switch that is on for loopback unless it was set."""
        return self.is_loopback() if chosen is None else chosen


def _check_upstream(name: str, upstream: UpstreamSettings) -> None:
    prefix = f"{PREFIX}{name.upper()}__"
    if upstream.url is None:
        secrets = [key for key in upstream.model_fields_set if key != "concurrency"]
        if secrets:
            given = ", ".join(prefix + key.upper() for key in sorted(secrets))
            raise SettingsInvalid(f"{prefix}URL: not set, although {given} is.")
        return
    split_base(f"{prefix}URL", upstream.url)
    missing = upstream.missing()
    if missing:
        names = ", ".join(prefix + key.upper() for key in missing)
        raise SettingsInvalid(f"{names}: not set, although {prefix}URL is.")
    token_url = getattr(upstream, "token_url", None)
    if token_url is not None:
        split_base(f"{prefix}TOKEN_URL", token_url)


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """Return checked settings; raises SettingsInvalid, naming the setting and never its secret.

    `overrides` are what the command line says, checked there; None means not said.
    """
    _refuse_whole_groups(os.environ)
    path = config or _path_from(os.environ)
    values = _read_toml(path) if path is not None else {}
    _refuse_unknown(values, path)
    said = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**values)
        return settings.model_copy(update=said) if said else settings
    except ValidationError as error:
        raise SettingsInvalid("\n".join(_lines(error))) from None


def _path_from(environment: Mapping[str, str]) -> Path | None:
    named = environment.get(f"{PREFIX}CONFIG")
    return Path(named) if named else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsInvalid(f"{path}: {error.strerror or 'cannot be read'}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path}: not valid TOML ({error}).") from None


def _refuse_whole_groups(environment: Mapping[str, str]) -> None:
    """Refuse `CASEGRAPH_RATINGS={"url": …}`: one form is enough, and its errors repeat the text."""
    groups = {variable.partition("__")[0] for variable, _, _ in table() if "__" in variable}
    for name in environment:
        if name.upper() in groups:
            raise SettingsInvalid(f"{name}: is a group; set its parts, as {name}__URL.")


def _refuse_unknown(values: Mapping[str, Any], path: Path | None) -> None:
    known = {variable for variable, _, _ in table()}
    for name, value in values.items():
        inner = value if isinstance(value, dict) else {None: value}
        for key in inner:
            variable = PREFIX + "__".join(part.upper() for part in (name, key) if part is not None)
            if variable not in known:
                raise SettingsInvalid(f"{path}: {variable} is no setting.")


def _lines(error: ValidationError) -> list[str]:
    return [
        f"{PREFIX}{'__'.join(str(part).upper() for part in fault['loc'])}: {fault['msg']}."
        for fault in error.errors(include_input=False, include_url=False)
    ]


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return variables with our prefix that no setting has, sorted; most are misspelt."""
    known = {f"{PREFIX}CONFIG"} | {variable for variable, _, _ in table()}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def table() -> list[tuple[str, str, str]]:
    """Return every variable with its default and its meaning, for the README and its test."""
    rows: list[tuple[str, str, str]] = []
    for name, field in Settings.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, BaseModel):
            rows += [
                (
                    f"{PREFIX}{name.upper()}__{key.upper()}",
                    _default(sub.default),
                    sub.description or "",
                )
                for key, sub in part.model_fields.items()
            ]
        else:
            rows.append(
                (f"{PREFIX}{name.upper()}", _default(field.default), field.description or "")
            )
    return rows


def _default(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return "" if value is None else str(value)
