"""What about the simulated vendor can be turned: credentials, quirks and assumptions.

The vendor's pages leave gaps, and its samples contradict its own text in places. Each such point
is one named field here, tagged with the quirk's number (Q1 to Q16) or "assumed", so that a client
can be shown to survive every reading. Defaults follow the samples.
Quirks without a field: Q5 (ids differ between tenants) lies in the data; Q9, Q10 and Q11
(inclusive bounds, moving pages, Start = End refused) are the documented behaviour itself; Q15 (an
answer with another id than the one asked for) is a slip of the page; Q16 (optional parts missing)
lies in the data.
"""

from dataclasses import dataclass
from enum import Enum


class DateForm(Enum):
    """A text form of a moment that the vendor has been seen to print."""

    USUAL = "2021-09-30T13:00:00+00:00"
    SEVEN_DIGITS = "2024-10-22T15:41:11.0124002+00:00"
    SPACE = "2021-06-04 13:51:04.967-00:00"
    OFFSET = "2021-06-04T06:51:04-07:00"


class PutMode(Enum):
    """What a PUT does to a changeable property that its body leaves out."""

    REPLACE = "cleared"
    MERGE = "kept"


class PutAnswer(Enum):
    """What a successful write answers."""

    BODY = "200 with the stored object"
    EMPTY = "204 without a body"


class ErrorBody(Enum):
    """What a refusal carries."""

    MESSAGE = '{"message": "..."}'
    EMPTY = "nothing"


class WrongScope(Enum):
    """What a valid token without the API's scope gets."""

    FORBIDDEN = 403
    NOT_FOUND = 404
    ACCEPTED = 200


class RetryAfter(Enum):
    """The two legal forms of a Retry-After header."""

    SECONDS = "3"
    DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


ACTION_MANAGEMENT_SCOPE = "pub.actionmanagement"
HUBS_SCOPE = "pub.hubs"


@dataclass(frozen=True)
class Credentials:
    """The one API user that the simulated tenant knows; `scope` is a space-separated list."""

    client_id: str = "sandbox"
    client_secret: str = "sandbox-secret"  # noqa: S105 - a loopback sandbox has no secrets
    scope: str = f"{ACTION_MANAGEMENT_SCOPE} {HUBS_SCOPE}"
    token_seconds: int = 3600


@dataclass(frozen=True)
class Switches:
    """Every quirk and assumption of the vendor's contract, each settable on its own."""

    # Program lists (E8).
    lists_share_id: bool = False
    """Q1: the first custom list is printed under the id of the first category list."""
    foreign_item_list_id: bool = True
    """Q2: the first category item carries the severity list's listId. Harmless, hence on: the
    enclosing list tells the truth."""
    duplicate_subcategory_ids: bool = False
    """Q3: the first two subcategories of one item are printed under one id."""
    dangling_default_item: bool = False
    """Q4: the status list's defaultItem names no item of the list."""

    # Links.
    link_hub_id: int | None = 6254
    """Q6: the hub id inside links, unlike the one asked; None prints the hub that was asked."""
    links_use_http: bool = True
    """Q6: links say http whatever the request's scheme; off repeats that scheme."""

    # Notes.
    notes_out_of_order: bool = True
    """Q7: within an E7 page a system note may follow a later one. Pages stay the right sets."""
    system_notes_without_modified: bool = True
    """Q8: system notes show no dateModified; E7 takes their dateCreated instead."""
    unedited_notes_have_modified: bool = True
    """Assumed: a user note that was never edited shows dateModified = dateCreated."""
    edits_write_notes: bool = False
    """Assumed: a PUT on a case leaves a system note."""

    # Shapes.
    details_in_list: bool = False
    """E1 items also carry isOverDue, dateDue, the reminder moments, dateModified and source."""
    source_in_details: bool = True
    """E2 shows `source`, as one of the two samples does."""
    slim_details: bool = False
    """Q14: E2 lacks isClosed, isOverDue, dataFields and workflowRoleIsActive."""
    null_members: bool = False
    """Absent properties are sent as null instead of being left out."""
    hub_collections_item_type: bool = False
    """Collections of hubs and of end-user lists name their itemType."""
    end_user_active_as_text: bool = True
    """Single end users print isActive as "true" or "false"; query results print booleans."""
    dates: DateForm = DateForm.USUAL
    """The form of every moment but Role.lastUpdated."""
    role_dates: DateForm = DateForm.SEVEN_DIGITS
    """The form of Role.lastUpdated."""

    # The case query (E1) and its kin.
    filter_dialect: bool = False
    """Assumed whole: understand `filters` and `include` (sim-filter v0); off refuses both."""
    order_by_others: bool = False
    """Assumed: orderBy takes any scalar property; off takes id, dateDue and dateCreated."""
    user_query_max: int = 100
    """Assumed: largest (and default) `top` of the end-user query; 100 is the sample's."""

    # Writes.
    put_mode: PutMode = PutMode.REPLACE
    """Assumed: whether a partial PUT clears or keeps what it leaves out."""
    put_refuses_missing: bool = True
    """Assumed: PUT without name, workflowId or a status is a 400; off keeps the stored ones."""
    put_answers: PutAnswer = PutAnswer.BODY
    """Assumed: what a PUT on a case answers."""
    delete_answers: PutAnswer = PutAnswer.EMPTY
    """Assumed: DELETE answers 204, or 200 with the deleted object."""
    accept_inactive_users: bool = False
    """Q13, assumed: an inactive user may be newly assigned; off only keeps the assigned ones."""
    created_status: int = 201
    """Assumed: status of a POST that adds something; 200 and 201 are the general ones."""

    # Refusals.
    error_body: ErrorBody = ErrorBody.MESSAGE
    """Assumed: the body of 400, 403, 404, 405 and 429."""
    query_error_body: ErrorBody = ErrorBody.MESSAGE
    """Q12: the body of E1's 400, whose text promises details and whose schema says none."""
    bad_id_status: int = 400
    """Assumed: what an id that is no int32 gets; 404 is the other plausible reading."""
    wrong_secret_error: str = "invalid_client"  # noqa: S105 - an OAuth error code
    """Assumed: the OAuth error for a wrong id or secret; invalid_grant is the other reading."""
    wrong_scope: WrongScope = WrongScope.FORBIDDEN
    """Assumed: what a token for another API gets."""

    # Pace.
    requests_per_second: float = 0.0
    """Assumed: refill of the token bucket in front of the API; 0 switches it off."""
    burst: int = 10
    """Assumed: size of that bucket."""
    retry_after: RetryAfter = RetryAfter.SECONDS
    """Assumed: the form of Retry-After on a 429."""
