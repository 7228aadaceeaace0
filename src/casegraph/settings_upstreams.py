"""The groups of settings of the four upstreams, each with its defaults and what it is for.

One class per table of the configuration file; every one says what is missing before it can be used.
Invariant: a secret is never printed, whatever is printed of a group.
"""

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from casegraph.edge.forwarded import may_be_forwarded
from casegraph.settings_groups import Part

SLOWEST_PER_SECOND = 0.01
"""Slowest pace taken: a call in 100 s; the longest request lives 30 s."""


FeedName = Literal["lazy", "eager", "off"]
_FEED = "When its feed of changes is first filled: at the first need, at start, or never."


class UpstreamSettings(Part, ABC):
    """What every upstream has."""

    url: str | None = Field(None, description="Base URL; unset means not connected.")
    concurrency: int = Field(8, ge=1, le=256, description="Calls at the same time at most.")
    max_per_second: float = Field(
        0.0, ge=0, le=10_000, description="Pace in calls a second; 0 is no pace."
    )
    burst: int = Field(5, ge=1, le=1000, description="Calls that may come at once, with a pace.")
    forward_header: str | None = Field(
        None,
        description="Header of a request that is sent on, in place of the credentials here.",
    )

    @field_validator("max_per_second")
    @classmethod
    def _refuse_standstill(cls, value: float) -> float:
        """Refuse a pace that no request could live to see."""
        if 0 < value < SLOWEST_PER_SECOND:
            raise ValueError(f"a pace of at least {SLOWEST_PER_SECOND} is asked for, or 0 for none")
        return value

    @field_validator("forward_header")
    @classmethod
    def _refuse_spoken_for(cls, value: str | None) -> str | None:
        """Refuse a header that cannot be, or must not be, a caller's credential."""
        if value is not None and not may_be_forwarded(value):
            raise ValueError("not a header that a caller's credential can come in")
        return value

    @abstractmethod
    def missing(self) -> list[str]:
        """Return the names of settings without which this upstream cannot be used."""

    def is_configured(self) -> bool:
        """Return whether a URL is set."""
        return self.url is not None

    def _blank(self, *names: str) -> list[str]:
        """Return those of these settings that are unset or empty; an empty secret is none."""
        return [name for name in names if not getattr(self, name)]


class FeedSettings(Part):
    """How far feeds may go, each upstream's by themselves."""

    window_days: int | None = Field(
        None, ge=1, le=36_500, description="Days of changes that a feed holds; unset: all."
    )
    pages: int = Field(100, ge=1, le=10_000, description="Pages that one fill reads at most.")
    rows: int = Field(
        100_000, ge=100, le=10_000_000, description="Rows of an upstream's feeds at most."
    )
    bytes: int = Field(
        64 * 2**20,
        ge=2**20,
        le=2**36,
        description="Size of an upstream's feeds as JSON at most.",
    )
    file: str | None = Field(
        None, description="SQLite file in which feeds outlast a restart; not with Redis."
    )


class ActionManagementSettings(UpstreamSettings):
    """Forsta Action Management."""

    url: str | None = Field(None, description="Base URL up to and without `/hubs`.")
    token_url: str | None = Field(None, description="Where OAuth tokens are asked for.")
    client_id: SecretStr | None = Field(None, description="OAuth client id.")
    client_secret: SecretStr | None = Field(None, description="OAuth client secret.")
    scope: str = Field("pub.actionmanagement", description="OAuth scopes, separated by spaces.")
    token: SecretStr | None = Field(None, description="A fixed bearer token, in place of OAuth.")
    feed: FeedName = Field("lazy", description=_FEED)
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
        """Either a fixed token, or all that OAuth needs, or callers that bring their own."""
        return (
            []
            if self.token or self.forward_header
            else self._blank("token_url", "client_id", "client_secret")
        )


class CaseReviewsSettings(UpstreamSettings):
    """Trackops case reviews."""

    url: str | None = Field(None, description="Base URL up to and without `/case/reviews`.")
    username: str | None = Field(None, description="The API user's name.")
    token: SecretStr | None = Field(None, description="The company's API token.")
    feed: FeedName = Field("lazy", description=_FEED)
    concurrency: int = Field(1, ge=1, le=256, description="Calls at the same time at most.")
    max_per_second: float = Field(
        0.5, ge=0, le=10_000, description="Pace in calls a second; 0 is no pace."
    )

    def missing(self) -> list[str]:
        """Both parts of the credentials, or callers that bring their own."""
        return [] if self.forward_header else self._blank("username", "token")


class RatingsSettings(UpstreamSettings):
    """Kayako satisfaction ratings."""

    url: str | None = Field(None, description="Base URL up to and without `/cases`.")
    email: str | None = Field(None, description="The agent to sign in as.")
    password: SecretStr | None = Field(None, description="The agent's password.")
    token: SecretStr | None = Field(None, description="A bearer token, in place of signing in.")

    def missing(self) -> list[str]:
        """Either a token, or e-mail and password, or callers that bring their own."""
        return [] if self.token or self.forward_header else self._blank("email", "password")


class CustomerCasesSettings(UpstreamSettings):
    """The CRM behind the Khoros connector."""

    url: str | None = Field(None, description="Base URL up to and without `/customer`.")
    auth_header: str = Field("Authorization", description="Header that carries the fixed value.")
    auth_value: SecretStr | None = Field(None, description="The fixed value.")

    def missing(self) -> list[str]:
        """Return what is missing of the header and its fixed value, where they are needed."""
        return [] if self.forward_header else self._blank("auth_header", "auth_value")
