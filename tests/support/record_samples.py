"""Each record beside a body of its kind, and ways to walk and damage such bodies.

Invariant: a sample is never changed; damage is done to a copy.
"""

import json
from collections.abc import Iterator
from typing import Any

from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.case_reviews import records as cr
from casegraph.upstreams.customer_cases import records as cc
from casegraph.upstreams.ratings import records as rt
from support import samples

CUSTOMER_CASE = {
    name: value
    for name, value in samples.CUSTOMER_CASE.items()
    if name not in {"productLine", "isUrgent"}
}
SAMPLES: dict[str, tuple[Any, Any]] = {
    "case_page": (am.CasePage, samples.CASE_PAGE),
    "case_item": (am.Case, samples.CASE_ITEM),
    "case_details": (am.Case, samples.CASE_DETAILS),
    "note_page": (am.NotePage, samples.NOTE_PAGE),
    "note": (am.Note, samples.NOTE),
    "system_note": (am.Note, samples.SYSTEM_NOTE),
    "lists": (am.ProgramLists, samples.PROGRAM_LISTS),
    "roles": (am.Roles, samples.ROLES),
    "hubs": (am.Hubs, samples.HUBS),
    "entries": (tuple[cr.ReviewEntry, ...], [samples.REVIEW_ENTRY]),
    "entry": (cr.ReviewEntry, samples.REVIEW_ENTRY),
    "counts": (cr.ReviewCounts, samples.REVIEW_COUNTS),
    "ratings": (rt.RatingList, samples.RATING_LIST),
    "recent": (rt.RatingList, samples.RECENT_RATINGS),
    "rating": (rt.OneRating, samples.CREATED_RATING),
    "person": (rt.Rating, samples.PERSON_RATING),
    "conversation": (rt.Rating, samples.CONVERSATION_RATING),
    "triggered": (rt.Envelope, samples.TRIGGERED),
    "summaries": (rt.CaseSummaries, samples.RATING_CASES),
    "customer_case": (cc.CustomerCase, CUSTOMER_CASE),
}


def nodes(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    """Name every member of a sample by its path, with its value."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in members:
        here = f"{path}.{key}" if isinstance(value, dict) else f"{path}[{key}]"
        yield here, member
        if isinstance(member, dict | list):
            yield from nodes(member, here)


def replaced(sample: Any, path: str, wrong: Any) -> Any:
    """Return a copy of a sample with a wrong value at a path."""
    body: Any = {"$": json.loads(json.dumps(sample))}
    holder: Any = body
    key: Any = "$"
    for part in path.replace("[", ".").replace("]", "").split(".")[1:]:
        holder, key = holder[key], int(part) if isinstance(holder[key], list) else part
    holder[key] = wrong
    return body["$"]
