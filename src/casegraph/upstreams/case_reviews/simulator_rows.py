"""How the simulated tenant prints a review entry.

The vendor publishes no response body, so this one profile is the contract's guess (§1.4, all names
assumed): flat `*_id` keys beside related objects under CamelCase names.
Invariant: times are printed in UTC to the second, days as they are; the store is only read.
"""

from datetime import UTC, datetime
from typing import Any

from casegraph.upstreams.case_reviews.simulator_switches import Switches
from casegraph.upstreams.case_reviews.store import Row, Store

_FORMS = {"space": (" ", ""), "iso": ("T", "Z")}
"""Between day and time, and after them."""


def print_entry(row: Row, store: Store, switches: Switches) -> dict[str, Any]:
    """Return the JSON form of one entry under the switches."""
    case_key, case_name = ("casefile_id", "Casefile") if switches.casefile_spelling else _CASE
    printed: dict[str, Any] = {"id": row["id"]}
    if switches.relations != "nested":
        printed[case_key] = row["case_id"]
        printed["user_id"] = row["user_id"]
        printed["review_id"] = row["review_id"]
    printed |= {
        "status": _status(row["status"], switches),
        "is_auto_generated": row["is_auto_generated"],
        "review_date": None if row["review_date"] is None else row["review_date"].isoformat(),
        "created_at": _moment(row["created_at"], switches),
        "updated_at": _moment(row["updated_at"], switches),
        "completed_at": _moment(row["completed_at"], switches),
    }
    if switches.relations != "flat":
        printed[case_name] = _case(row["case_id"])
        printed["User"] = _user(row["user_id"], store)
        printed["Review"] = {"id": row["review_id"], "name": store.reviews.get(row["review_id"])}
    if switches.answers_key:
        printed[switches.answers_key] = row["answers"]
    return printed


_CASE = ("case_id", "Case")


def _status(status: str, switches: Switches) -> str:
    return "pending" if status == "submitted" and not switches.submitted_exists else status


def _moment(moment: datetime | None, switches: Switches) -> str | None:
    if moment is None:
        return None
    between, after = _FORMS[switches.time_form]
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(between, "seconds") + after


def _case(case_id: int) -> dict[str, Any]:
    return {"id": case_id, "formatted_case_number": f"{case_id:08d}"}


def _user(user_id: int | None, store: Store) -> dict[str, Any] | None:
    user = None if user_id is None else store.users.get(user_id)
    if user is None:
        return None
    first, last = user["first_name"], user["last_name"]
    return {
        "id": user_id,
        "first_name": first,
        "last_name": last,
        "name": f"{first} {last}".strip(),
    }
