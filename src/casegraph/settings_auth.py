"""The group of settings that says who may ask.

Invariant: an algorithm that signs with a shared secret, or with nothing, cannot be chosen.
"""

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from casegraph.edge.algorithms import SUPPORTED
from casegraph.settings_groups import Part

DEFAULT_ALGORITHMS = ("RS256", "ES256")


class JwtSettings(Part):
    """JSON Web Tokens of one issuer."""

    issuer: str | None = Field(None, description="The `iss` that tokens must have.")
    audience: str | None = Field(None, description="The `aud` that tokens must have.")
    jwks_url: str | None = Field(
        None, description="Where the issuer's keys are: https, or http on loopback."
    )
    algorithms: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None, description="Algorithms that count, separated by commas; unset: RS256,ES256."
    )
    scope_claim: str = Field("scope", min_length=1, description="The claim that lists the scopes.")

    @field_validator("algorithms", mode="before")
    @classmethod
    def _read_algorithms(cls, value: Any) -> Any:
        """Take `RS256,ES256`, and a list."""
        said = value.split(",") if isinstance(value, str) else value
        if said is None:
            return None
        chosen = tuple(name for name in (str(each).strip() for each in said) if name)
        if not chosen or not set(chosen) <= set(SUPPORTED):
            raise ValueError(f"algorithms are {', '.join(SUPPORTED)}")
        return chosen

    def missing(self) -> list[str]:
        """Return what is not set although some of it is."""
        needed = ("issuer", "audience", "jwks_url")
        unset = [name for name in needed if not getattr(self, name)]
        return unset if self.model_fields_set else []


class AuthSettings(Part):
    """Who may ask."""

    api_keys_file: str | None = Field(
        None, description="File of API keys, read again when it changes; see `casegraph api-key`."
    )
    jwt: JwtSettings = JwtSettings()
    anyone: bool = Field(
        default=False,
        description="Let everybody ask who can reach an address that is not loopback.",
    )
    requests_per_minute: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="Requests of one caller; 0 is no bound; unset: 6000, on loopback no bound.",
    )

    def is_configured(self) -> bool:
        """Return whether callers have to say who they are."""
        return self.api_keys_file is not None or self.jwt.issuer is not None
