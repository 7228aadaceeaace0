"""From a global id back to its record, by the same reads as everything else."""

import asyncio
from collections.abc import Sequence
from typing import Any

from casegraph.graph import ids
from casegraph.graph.ids import Kind
from casegraph.graph.node import id_of
from casegraph.linking.identity import CaseKey
from casegraph.loading.case_reads import NoteKey
from casegraph.loading.rating_reads import RatingKey
from casegraph.loading.reads import Reads


async def fetch_node(reads: Reads, text: str, *, detailed: bool) -> Any:
    """Return the record behind a global id, None when it is gone; raises InvalidArgument.

    `detailed` says that of a case fields are wanted which lists leave out.
    """
    wanted = ids.decode(text)
    match wanted.kind, wanted.parts:
        case Kind.CASE, (hub_id, case_id):
            return await reads.cases.case_by_id(CaseKey(hub_id, case_id), detailed=detailed)
        case Kind.NOTE, (hub_id, case_id, note_id):
            return await reads.cases.note(NoteKey(CaseKey(hub_id, case_id), note_id))
        case Kind.REVIEW_ENTRY, (entry_id,):
            return await reads.reviews.entry(entry_id)
        case Kind.RATING, (case_id, rating_id):
            return await reads.ratings.rating(RatingKey(case_id, rating_id))
        case Kind.CUSTOMER_CASE, (customer_case_id,):
            return await reads.customers.case(customer_case_id)
        case Kind.ROLE, (hub_id, role_id):
            roles = await reads.look_ups.roles(hub_id)
            return next((role for role in roles if role.role_id == role_id), None)
        case _, (hub_id, _, _):
            lists = await reads.look_ups.program_lists(hub_id)
            return next((each for each in lists if id_of(each) == text), None)
        case _:
            raise AssertionError(wanted)  # every kind's number of parts is checked by decode


async def fetch_nodes(reads: Reads, texts: Sequence[str], *, detailed: bool) -> list[Any]:
    """Return the records behind several ids, each failure in its record's place."""
    found = await asyncio.gather(
        *(fetch_node(reads, text, detailed=detailed) for text in texts), return_exceptions=True
    )
    for value in found:
        if isinstance(value, BaseException) and not isinstance(value, Exception):
            raise value
    return found
