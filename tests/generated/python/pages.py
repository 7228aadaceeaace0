"""The pages of a case application over the Python client that ariadne-codegen made.

Run as `python pages.py URL WISHES` beside the generated package. Prints one JSON object: under each
operation's name the typed answers as JSON, under `lines` what they say when put into words.
"""

import asyncio
import json
import sys
from datetime import date, timedelta
from typing import Any

import httpx
from casegraph_client import (
    CaseFilter,
    CasegraphClient,
    CaseOrder,
    CaseOrderField,
    CasePage,
    OrderDirection,
    Queue,
    RatingScore,
    RecentRatingsOf,
    Thing,
)
from casegraph_client.thing import ThingNodeCase, ThingNodeNote, ThingNodeRating
from pydantic import BaseModel

MARKS = {RatingScore.GOOD: "+", RatingScore.BAD: "-", RatingScore.UNKNOWN: "?", None: " "}


def as_json(answer: BaseModel) -> Any:
    """Return a typed answer in the words of the schema."""
    return answer.model_dump(mode="json", by_alias=True)


def days_open(page: CasePage) -> int:
    """Return how long the case had from its opening to its due time."""
    case = page.case
    if case is None or case.created_at is None or case.due_at is None:
        return 0
    return (case.due_at - case.created_at) // timedelta(days=1)


def review_days(page: CasePage) -> list[date]:
    """Return the days that the reviews of the case are about."""
    reviews = page.case.reviews if page.case else None
    return [each.review_date for each in (reviews.nodes if reviews else ()) if each.review_date]


def lines_of(page: CasePage) -> list[str]:
    """Return what the case says."""
    case = page.case
    if case is None:
        return []
    return [
        f"{case.case_id} {case.name}: {case.status.name if case.status else 'no status'}",
        *(f"{field.question_name}={field.value}" for field in case.data_fields or ()),
        *(
            f"{note.created_by.user_name if note.created_by else ''}: {note.text}"
            for note in (case.notes.nodes if case.notes else ())
        ),
        *(
            f"{MARKS[rating.score]} {rating.comment or ''}"
            for rating in (case.ratings.nodes if case.ratings else ())
        ),
    ]


def kind_of(thing: Thing) -> str:
    """Return what came back for an id, told apart by its type alone."""
    match thing.node:
        case ThingNodeCase() as case:
            return f"case {case.name}"
        case ThingNodeNote() as note:
            return f"note on {note.case.name if note.case else ''}"
        case ThingNodeRating() as rating:
            return f"rating {rating.score.value if rating.score else ''}"
        case _:
            return "something else"


async def queue_pages(client: CasegraphClient, wishes: dict[str, Any]) -> list[Queue]:
    """Return the first pages of the hub's queue, one after the other."""
    order = CaseOrder(field=CaseOrderField.DUE_AT, direction=OrderDirection.ASC)
    only = CaseFilter.model_validate(wishes["filter"])
    pages: list[Queue] = []
    after = None
    while len(pages) < wishes["pages"]:
        page = await client.queue(wishes["hub"], filter_=only, order_by=order, after=after)
        pages.append(page)
        if page.cases is None or not page.cases.page_info.has_next_page:
            break
        after = page.cases.page_info.end_cursor
    return pages


async def shown(client: CasegraphClient, wishes: dict[str, Any]) -> dict[str, Any]:
    """Ask for every page."""
    page = await client.case_page(wishes["hub"], wishes["case"], questions=wishes["questions"])
    customer = await client.customer_page(wishes["customer"])
    newest = await client.newest_ratings(RecentRatingsOf(caseId=wishes["case"]), limit=2)
    ids = [page.case.id] if page.case else []
    ids += [note.id for note in page.case.notes.nodes[:1]] if page.case and page.case.notes else []
    ids += [rating.id for rating in newest.recent_ratings[:1]] if newest.recent_ratings else []
    things = [await client.thing(each) for each in ids]
    return {
        "CasePage": as_json(page),
        "Queue": [as_json(each) for each in await queue_pages(client, wishes)],
        "CustomerPage": as_json(customer),
        "NewestRatings": as_json(newest),
        "Thing": [as_json(each) for each in things],
        "ids": ids,
        "lines": {"case": lines_of(page), "things": [kind_of(each) for each in things]},
        "days": days_open(page),
        "reviewDays": [str(each) for each in review_days(page)],
    }


async def main() -> None:
    """Ask the gateway named by the first argument for what the second wants."""
    # Any: the generator's protocol has parameters by position that httpx has by keyword only.
    http: Any = httpx.AsyncClient(timeout=30)
    async with CasegraphClient(url=sys.argv[1], http_client=http) as client:
        json.dump(await shown(client, json.loads(sys.argv[2])), sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
