"""The groups of settings, each with its defaults and what it is for.

One class per table of the configuration file. `settings` puts them together and checks what only
shows when they are seen together.
Invariant: a secret is never printed, whatever is printed of a group.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from casegraph.edge.admission import IN_FLIGHT_MAX
from casegraph.edge.decoding import BODY_MAX, BODY_SECONDS
from casegraph.edge.origins import Gets, is_origin
from casegraph.edge.persisted import KEEP_SECONDS
from casegraph.edge.statuses import StatusCodes
from casegraph.engine.limits import ROWS_MAX, CostLimits, Limits
from casegraph.errors import SettingsInvalid
from casegraph.linking.rules import LinkRuleError, Rule, parse_rule
from casegraph.loading.freshness import DEFAULT_WINDOWS, Kind, Windows

PREFIX = "CASEGRAPH_"

LinkName = Literal["reviews", "ratings", "customer"]


class Part(BaseModel):
    """A group of settings; unknown names in the environment are told of, in a file refused."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class LinkSettings(Part):
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


class CacheSettings(Part):
    """Where look-ups are kept."""

    url: SecretStr = Field(
        SecretStr("memory://"), description="`memory://`, or `redis://host:port/db`."
    )
    secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="Key to the digests of forwarded credentials; unset: each process has its own.",
    )


class HttpSettings(Part):
    """How the endpoint speaks HTTP."""

    status_codes: StatusCodes = Field(
        "audit", description="`audit`: as clients of today need; `draft`: as the draft of 2026."
    )
    get: Gets | None = Field(
        None, description="GET: `open`, `guarded` or `off`; unset: open on loopback, else guarded."
    )
    origins: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None, description="Origins whose pages may ask (CORS), separated by commas."
    )
    compression: bool = Field(
        default=True, description="Compress answers for clients that take gzip."
    )

    @field_validator("origins", mode="before")
    @classmethod
    def _read_origins(cls, value: Any) -> Any:
        """Take `https://a.example,https://b.example`, and a list; each as browsers write it."""
        said = value.split(",") if isinstance(value, str) else value
        origins = tuple(each for each in (str(each).strip() for each in said) if each)
        if not all(is_origin(each) for each in origins):
            raise ValueError("each is an origin like https://app.example.com, in lower case")
        return origins


class DocumentSettings(Part):
    """Documents that clients name in place of sending them."""

    trusted: str | None = Field(
        None, description="JSON file of trusted documents, from graphql-codegen or Relay."
    )
    only: bool = Field(default=False, description="Run trusted documents and nothing else.")
    apq: bool = Field(default=True, description="Let clients register documents by SHA-256.")
    keep_seconds: float = Field(
        KEEP_SECONDS, ge=60, le=30 * 86_400, description="How long a registered document is kept."
    )


_LONGEST_WINDOW = 86_400
"""Seconds; nobody asks what somebody edits once a day through a cache."""


def _fresh(kind: Kind) -> Any:
    what = "Age in seconds up to which it is given without asking; 0 asks every time."
    default = DEFAULT_WINDOWS[kind].fresh
    return Field(default, ge=0, le=_LONGEST_WINDOW, description=what)


def _stale(kind: Kind) -> Any:
    what = "Seconds beyond that in which it is given at once and asked anew behind the answer."
    default = DEFAULT_WINDOWS[kind].stale
    return Field(default, ge=0, le=_LONGEST_WINDOW, description=what)


def _if_error(kind: Kind) -> Any:
    what = "Seconds beyond that in which it stands in when its system cannot be asked."
    default = DEFAULT_WINDOWS[kind].stale_if_error
    return Field(default, ge=0, le=_LONGEST_WINDOW, description=what)


class EditedFreshness(Part):
    """What people edit while others look at it."""

    fresh_seconds: float = _fresh(Kind.CASES)
    stale_seconds: float = _stale(Kind.CASES)
    stale_if_error_seconds: float = _if_error(Kind.CASES)

    def windows(self) -> Windows:
        """Return these windows as reads know them."""
        return Windows(self.fresh_seconds, self.stale_seconds, self.stale_if_error_seconds)


class UnlistedFreshness(EditedFreshness):
    """What no system lists by change, so that each look costs a call."""

    fresh_seconds: float = _fresh(Kind.RATINGS)
    stale_seconds: float = _stale(Kind.RATINGS)
    stale_if_error_seconds: float = _if_error(Kind.RATINGS)


class LookUpFreshness(EditedFreshness):
    """What only administrators change."""

    fresh_seconds: float = _fresh(Kind.LISTS)
    stale_seconds: float = _stale(Kind.LISTS)
    stale_if_error_seconds: float = _if_error(Kind.LISTS)


class FreshnessSettings(Part):
    """How old each kind of data may be; a request's `Cache-Control` stands above it."""

    lists: LookUpFreshness = LookUpFreshness()
    roles: LookUpFreshness = LookUpFreshness()
    cases: EditedFreshness = EditedFreshness()
    notes: EditedFreshness = EditedFreshness()
    reviews: EditedFreshness = EditedFreshness()
    ratings: UnlistedFreshness = UnlistedFreshness()
    customer_cases: UnlistedFreshness = UnlistedFreshness()

    def windows(self) -> Mapping[Kind, Windows]:
        """Return the windows by kind."""
        return {kind: getattr(self, kind.value).windows() for kind in Kind}


class LogSettings(Part):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least serious line that is written."
    )
    format: Literal["json", "human"] = Field("json", description="One JSON object a line, or text.")


class AuditSettings(Part):
    """What the audit line of a write tells."""

    values: bool = Field(
        default=False,
        description="Whether audit lines tell the values that were written, free text included.",
    )


class OtelSettings(Part):
    """Where OpenTelemetry spans go; needs the extra `casegraph[otel]`."""

    endpoint: str | None = Field(None, description="OTLP/HTTP collector; unset means no tracing.")
    headers: dict[str, SecretStr] = Field(
        {}, description="Headers for the collector, as a JSON object."
    )
    sample_ratio: float = Field(
        1.0, ge=0, le=1, description="Share of requests that are traced, unless their caller says."
    )


_DEFAULTS = Limits()
_COSTS = CostLimits()


class LimitSettings(Part):
    """How big a request may be, and how many at once."""

    characters: int = Field(
        _DEFAULTS.characters, ge=100, le=1_000_000, description="Longest document."
    )
    tokens: int = Field(_DEFAULTS.tokens, ge=10, le=100_000, description="Tokens of a document.")
    depth: int = Field(
        _DEFAULTS.depth,
        ge=1,
        le=100,
        description="Fields below fields; introspection has 20 of its own.",
    )
    aliases: int = Field(_DEFAULTS.aliases, ge=0, le=10_000, description="Aliases of an operation.")
    root_fields: int = Field(
        _DEFAULTS.root_fields, ge=1, le=1000, description="Root fields of an operation."
    )
    mutations: int = Field(
        _DEFAULTS.mutations, ge=1, le=1000, description="Root fields of a mutation."
    )
    directives: int = Field(
        _DEFAULTS.directives, ge=0, le=10_000, description="Directives of an operation."
    )
    fields: int = Field(
        _DEFAULTS.fields,
        ge=1,
        le=10_000,
        description="Fields of one selection set, fragments expanded.",
    )
    operations: int = Field(
        _DEFAULTS.operations, ge=1, le=1000, description="Operations of a document."
    )
    comparisons: int = Field(
        _DEFAULTS.comparisons,
        ge=100,
        le=500_000,
        description="Units for comparing fields of the same name in validation, 1 to 3 µs each.",
    )
    calls: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Upstream calls that an operation could make at most; unset: twice the fuse.",
    )
    rows: int = Field(
        _COSTS.rows,
        ge=100,
        le=ROWS_MAX,
        description="Records that an answer could hold at most, page sizes multiplied.",
    )
    body_bytes: int = Field(
        BODY_MAX, ge=1024, le=16_777_216, description="Largest body of a request."
    )
    body_seconds: float = Field(
        BODY_SECONDS, gt=0, le=30, description="Longest time for a body to arrive."
    )
    in_flight: int = Field(
        IN_FLIGHT_MAX, ge=1, le=10_000, description="Operations at the same time; others get 503."
    )

    def cost(self, fuse: int) -> CostLimits:
        """Return what an operation may cost, above the fuse that stops it while it runs."""
        return CostLimits(2 * fuse if self.calls is None else self.calls, self.rows)

    def document(self) -> Limits:
        """Return what the engine is told."""
        return Limits(
            characters=self.characters,
            tokens=self.tokens,
            depth=self.depth,
            aliases=self.aliases,
            root_fields=self.root_fields,
            mutations=self.mutations,
            directives=self.directives,
            fields=self.fields,
            operations=self.operations,
            comparisons=self.comparisons,
        )
