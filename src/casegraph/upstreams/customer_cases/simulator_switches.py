"""What the contract leaves open about the Khoros connector, as switches, and its one credential.

Section numbers are those of the contract of customer cases. A default is what the contract calls
usual or assumes; turning a switch shows the gateway another answer a real connector may give.
Invariant: both classes are frozen, so one value describes a connector for its whole life.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Credentials:
    """The fixed header of the registration (§3.1); its value is compared as it is, no scheme."""

    header: str = "Authorization"
    value: str = "sandbox-khoros-key"


@dataclass(frozen=True, slots=True)
class Switches:
    """Every quirk and assumption of the contract's section 3."""

    # What is printed
    integer_ids: bool = False
    """§3.4: the createCustomer sample shows an integer; on prints all-digit ids as numbers."""
    text_plain: bool = False
    """§3.5: the OpenAPI file declares `text/plain` for almost all answers."""
    custom_keys: bool = True
    """§3.3, §3.4: custom values stand at top level; off leaves the optional keys out."""
    checkbox_as_text: bool = True
    """§3.6 [assumed: wire form not stated]: "true" and "false" instead of booleans."""
    author: bool = True
    """§3.3: `author` is optional, and missing from the reference's table; off leaves it out."""
    interactions: bool = True
    """§3.3: `interactions` is optional; off leaves it out of every case."""
    created_customer_url: bool = True
    """§3.4: `url` is required, yet missing in the createCustomer sample (off)."""

    # Statuses
    case_update_status: Literal[200, 201] = 200
    """§3.2: 200 in the OpenAPI file, 201 on the page."""
    no_cases_is_404: bool = False
    """§3.5 [assumed: 200 with `[]`]; on: 404 for a customer without cases, as the text can be
    read."""
    bestmatch_none_is_204: bool = False
    """§3.2 [assumed: an empty array]; on: 204 as for the search."""
    meta_needs_key: bool = True
    """§3.2: the page of `/meta` lists no 401 [assumed: the key is checked all the same]."""
    fails: bool = False
    """§3.5: 500 with error and message for every call."""

    # Error bodies
    bad_fields_as: Literal["page", "object", "array"] = "page"
    """§3.5: `fields` of a 400 is an object on search, bestmatch and createCustomer, an array on
    the other pages; `object` or `array` forces one form."""
    case_error_texts: bool = True
    """§3.5: error and message are required on customer pages only; off leaves both out of the
    errors of case pages."""

    # What is accepted
    custom_id_spelling: bool = True
    """§3.3: the schema spells `customerId` as `customId`; off refuses that spelling."""
    update_needs_title: bool = True
    """§3.3: the one request schema requires `title`, so an update without it is refused."""
    update_replaces_interactions: bool = False
    """§3.2 [assumed: append, de-duplicated]; on: an update's interactions replace the old ones."""
    empty_link_url: bool = True
    """§3.3 [assumed]: linkUrl is required, yet described as given when available."""
    search_joins: Literal["and", "or"] = "and"
    """§3.4 [assumed: AND]."""
    empty_search_finds_all: bool = False
    """§3.4 [assumed: no criterion finds nobody]."""
