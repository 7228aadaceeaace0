"""What the contract leaves open or quirky about Kayako, as switches, and the tenant's credentials.

Section numbers are those of the contract of case ratings. A default is what the contract calls
usual or assumes; turning a switch shows the gateway another answer the real tenant may give.
Invariant: both classes are frozen, so one value describes a tenant for its whole life.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["owner", "admin", "agent", "collaborator", "customer"]
LoginStep = Literal["", "OTP_EXPECTED", "CREDENTIAL_EXPIRED"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one account of the tenant: e-mail and password for Basic, and an OAuth access token."""

    email: str = "agent@sandbox.example"
    password: str = "sandbox-kayako-password"  # noqa: S105 - opens nothing but the sandbox
    bearer: str = "sandbox-kayako-token"


@dataclass(frozen=True, slots=True)
class Switches:
    """Every quirk and assumption of the contract's section 2."""

    # Pages
    default_limit: int = 10
    """§2.8: default page size."""
    max_limit: int = 100
    """§2.8 [third party]: the largest `limit` seen; a larger one is cut and the cut one echoed."""
    recent_default_limit: int = 3
    """§2.2: default `limit` of the recent list."""

    # Rows
    assignee_person: bool = False
    """§2.4: the field table says `assignee_person`, every sample `assignee_agent`."""
    plus_five_offset: bool = True
    """§2.1: samples show times at `+05:00`, and at `+00:00` (off)."""
    organization_filter: bool = True
    """§2.5 [third party]: the case list takes `organization_id`; off ignores it."""
    notices_on_success: bool = False
    """§2.3: `notifications` and `logs` may stand in a success too."""

    # Writes
    created_as: Literal["201", "200_with_201", "200"] = "201"
    """§2.3: the page says 201; samples show HTTP 200 with body status 201, and 200 in both."""
    score_required: bool = True
    """§2.2: mandatory marks are blank, the SDK treats `score` as required; off allows its absence
    on an update only."""
    hash_required: bool = True
    """§2.2: mandatory marks are blank; off lets a signed-in caller write without a hash."""
    wrong_hash_forbidden: bool = False
    """§2.7 [assumed: 404, "no such hash"]; on: 403 PERMISSIONS_DENIED."""
    conversations_open_to_staff: bool = False
    """§2.2: those routes are for customers; on lets staff in as well."""

    # Sign-in
    caller_role: Role = "agent"
    """§2.2: the role of the account; each route names the roles it serves."""
    bearer_scopes: tuple[str, ...] = ("conversations",)
    """§2.6: what the access token may do; no suffix means write."""
    session_seconds: float = 3600.0
    """§2.6 [assumed: no figure published]: idle time after which a session is gone (454)."""
    login_step: LoginStep = ""
    """§2.6: a login that stops with 403 and an `auth_token`."""
    one_time_password: str = "123456"  # noqa: S105 - opens nothing but the sandbox
    """§2.6: what `X-OTP` must say after OTP_EXPECTED, beside the token in `X-Token`."""
    lock_after_failures: int = 5
    """§2.7 [assumed: no figure published]: failed logins until AUTHENTICATION_LOCKED; 0: never."""
    lock_seconds: int = 60
    """§2.7 [assumed: no figure published]: how long a lock lasts, told by Retry-After."""

    # Limits
    rate_limit_per_minute: int = 0
    """§2.8: per minute, per action and resource, figures unpublished; 0 is no limit."""
    conditional_requests: bool = True
    """§2.8: ETag and the conditional headers; off sends no ETag and ignores them."""
    license_expired: bool = False
    """§2.7: 426 LICENSE_EXPIRED for every call."""
