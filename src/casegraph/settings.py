"""Everything that can be set, from the environment or a TOML file, checked before anything starts.

Environment variables start with `CASEGRAPH_` and use `__` for nesting; they win over the file that
`--config` or `CASEGRAPH_CONFIG` names.
Invariant: a setting that cannot work ends the start and is named; secrets print as stars. Only what
puts a gateway together (`app`, `wiring`, `entrance`, the commands) imports this module.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from casegraph.errors import CasegraphError, SettingsInvalid
from casegraph.settings_auth import AuthSettings
from casegraph.settings_groups import (
    PREFIX,
    AuditSettings,
    CacheSettings,
    DocumentSettings,
    FreshnessSettings,
    HttpSettings,
    LimitSettings,
    LinkName,
    LinkSettings,
    LogSettings,
    OtelSettings,
)
from casegraph.settings_upstreams import (
    ActionManagementSettings,
    CaseReviewsSettings,
    CustomerCasesSettings,
    FeedSettings,
    RatingsSettings,
    UpstreamSettings,
)
from casegraph.upstreams.paths import int32, split_base

_LINKS: tuple[LinkName, ...] = ("reviews", "ratings", "customer")


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
    engine: Literal["compiled", "standard"] = Field(
        "compiled", description="What runs queries: compiled plans, or graphql-core's executor."
    )
    engine_shadow: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of queries that the other engine runs too, to compare the answers.",
    )
    exchange: Literal["lean", "aiohttp", "httpx"] = Field(
        "lean", description="The HTTP client behind all upstream calls; `lean` is our own."
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
    suggestions: bool | None = Field(
        None, description="Hint at known names in errors; unset: only when listening on loopback."
    )
    trace: bool | None = Field(
        None,
        description="Obey X-Casegraph-Trace and -Explain; unset: only when listening on loopback.",
    )
    fuse_calls: int = Field(
        500, ge=1, le=100_000, description="Upstream calls that one request may make at most."
    )
    action_management: ActionManagementSettings = ActionManagementSettings()
    case_reviews: CaseReviewsSettings = CaseReviewsSettings()
    ratings: RatingsSettings = RatingsSettings()
    customer_cases: CustomerCasesSettings = CustomerCasesSettings()
    links: LinkSettings = LinkSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    feed: FeedSettings = FeedSettings()
    cache: CacheSettings = CacheSettings()
    log: LogSettings = LogSettings()
    audit: AuditSettings = AuditSettings()
    otel: OtelSettings = OtelSettings()
    limits: LimitSettings = LimitSettings()
    http: HttpSettings = HttpSettings()
    documents: DocumentSettings = DocumentSettings()
    auth: AuthSettings = AuthSettings()

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
        _check_auth(self.auth)
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
        return is_loopback(self.host)

    def of_one_worker(self, workers: int) -> Self:
        """Return the settings of one of several processes; raises SettingsInvalid.

        Vendors count calls, not processes: without a Redis that holds them together, each gets its
        share of every upstream's pace and connections.
        """
        if self.feed.file is not None:
            raise SettingsInvalid(f"{PREFIX}FEED__FILE: one process writes it; use Redis.")
        if self.cache.url.get_secret_value().startswith("redis"):
            return self
        shares = {
            name: upstream.model_copy(
                update={
                    "max_per_second": upstream.max_per_second / workers,
                    "burst": max(1, upstream.burst // workers),
                    "concurrency": max(1, upstream.concurrency // workers),
                }
            )
            for name, upstream in self.upstreams().items()
        }
        return self.model_copy(update=shares)

    def on_loopback(self, chosen: bool | None) -> bool:
        """Return a switch that is on for loopback unless it was set."""
        return self.is_loopback() if chosen is None else chosen


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_auth(auth: AuthSettings) -> None:
    missing = auth.jwt.missing()
    if missing:
        names = ", ".join(f"{PREFIX}AUTH__JWT__{name.upper()}" for name in missing)
        raise SettingsInvalid(f"{names}: not set, although tokens are to count.")


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
    if upstream.forward_header and getattr(upstream, "feed", None) == "eager":
        said = f"{prefix}FEED: eager, although {prefix}FORWARD_HEADER is set"
        raise SettingsInvalid(f"{said}; before a caller comes there is nobody to ask as.")
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
    groups: dict[str, str] = {}
    for variable, _, _ in table():
        for group in _groups_of(variable):
            groups.setdefault(group, variable)
    for name in environment:
        if name.upper() in groups:
            part = groups[name.upper()][len(name) :]
            raise SettingsInvalid(f"{name}: is a group; set its parts, as {name}{part}.")


def _groups_of(variable: str) -> list[str]:
    """Return the groups around a setting: `A__B__C` stands in `A__B`, and that in `A`."""
    parts = variable.split("__")
    return ["__".join(parts[:end]) for end in range(1, len(parts))]


def _refuse_unknown(values: Mapping[str, Any], path: Path | None) -> None:
    known = {variable for variable, _, _ in table()}
    for variable in _unknown(PREFIX, values, known):
        raise SettingsInvalid(f"{path}: {variable} is no setting.")


def _unknown(prefix: str, values: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    for name, value in values.items():
        variable = f"{prefix}{name.upper()}"
        if variable in known:
            continue  # whether its value is one that it can have is for the model to say
        if isinstance(value, dict):
            yield from _unknown(f"{variable}__", value, known)
        else:
            yield variable


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
    return list(_rows(PREFIX, Settings))


def _rows(prefix: str, group: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    for name, field in group.model_fields.items():
        variable, part = f"{prefix}{name.upper()}", field.annotation
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield from _rows(f"{variable}__", part)
        else:
            yield variable, _default(field.default), field.description or ""


def _default(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return "" if value is None else str(value)
