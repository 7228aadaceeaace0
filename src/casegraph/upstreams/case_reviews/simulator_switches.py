"""What the contract leaves open about Trackops, as switches, and the tenant's one credential.

Section numbers are those of the contract of case reviews. A default is what the contract calls
usual or assumes; turning a switch shows the gateway another answer the real tenant may give.
Invariant: both classes are frozen, so one value describes a tenant for its whole life.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Credentials:
    """The API user's name and the company's token; Basic auth sends `{username}/token:{token}`."""

    username: str = "api.user"
    token: str = "sandbox-trackops-token"  # noqa: S105 - opens nothing but the sandbox


@dataclass(frozen=True, slots=True)
class Switches:
    """Every quirk and assumption of the contract's section 1."""

    # Access
    refuse_plain_http: bool = False
    """§1.1: the vendor refuses plain HTTP; off, because a sandbox listens on loopback."""
    api_activated: bool = True
    """§1.1: access is switched on per account; off answers 403 [assumed: §1.7]."""
    full_access: bool = True
    """§1.1: Limited Access employees are refused; off answers 403 [assumed: §1.7]."""

    # Pages
    default_per_page: int = 25
    """§1.2 [assumed: default 25]."""
    max_per_page: int = 100
    """§1.2 [assumed: maximum 100]; a larger `per_page` is silently cut to it."""
    default_direction: Literal["asc", "desc"] = "desc"
    """§1.2 [assumed: desc]; the sort key is the id, for no sort parameter is documented."""
    count_mode: bool = True
    """§1.2 [assumed: `mode=count` works on this path]; off ignores `mode` and returns rows."""

    # Filters
    name_match: Literal["exact", "prefix"] = "exact"
    """§1.2 [assumed: exact]; both ignore case."""
    refuse_unknown_filter: bool = False
    """§1.7 [assumed: unknown]: 400 for an undocumented parameter instead of ignoring it."""
    refuse_bad_value: bool = True
    """§1.7 [assumed: unknown]: 400 for an unreadable value; off ignores that parameter."""
    refuse_repeated_filter: bool = False
    """§1.9 [assumed: last value wins or 400]; off: the last value wins."""
    filter_by_submitted: bool = True
    """§1.5 [assumed: accepted]; off: `status=submitted` is a bad value."""
    submitted_exists: bool = True
    """§1.5: an older edition knew three statuses; off shows `submitted` entries as `pending`."""

    # Rows
    time_form: Literal["space", "iso"] = "space"
    """§1.6 [assumed: `YYYY-MM-DD HH:MM:SS` without zone]; `iso` is ISO 8601 with Z."""
    casefile_spelling: bool = False
    """§1.4 [assumed]: `casefile_id` and `Casefile` instead of `case_id` and `Case`."""
    relations: Literal["both", "flat", "nested"] = "both"
    """§1.4 [assumed]: flat ids, nested objects, or both, for case, user and review."""
    answers_key: Literal["ReviewAnswers", "Answers", ""] = "ReviewAnswers"
    """§1.4 [assumed]: the name of the answers; empty leaves them out, which clients must bear."""

    # Errors and pace
    error_body: Literal["json", "html", "empty"] = "json"
    """§1.7 [assumed]: not documented, may be HTML or JSON."""
    throttle_interval_seconds: float = 0.0
    """§1.7: unpublished; the vendor's own example sleeps 2 s between calls. 0: no throttle."""
    throttle_burst: int = 1
    """§1.7 [assumed]: calls let through at once before the interval counts."""
    throttle_status: Literal[429, 503] = 429
    """§1.7 [assumed: 429, also test 503]."""
    throttle_names_wait: bool = True
    """§1.7 [assumed]: whether a throttled answer has `Retry-After`."""
