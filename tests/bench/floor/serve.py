"""The floor of a comparison: a harness's five queries by hand, over this product's own client.

No GraphQL: each query is known by its name, makes one call for each case and link, as gateways do
that keep nothing (this one too, unless sweeping a list is shorter), and puts what came into its
answer, values as they are. Its calls are as safe as the gateway's (deadline, retries, pace,
breaker, bounds), so what a gateway takes beyond it is the price of being one. WITHOUT=chain leaves
the bare HTTP client.
Invariant: what it answers is what the harness's own floor answers.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.peer.serve import prepare
from casegraph import load_settings, wiring
from casegraph.collector import Collector
from casegraph.errors import UpstreamNotFound
from casegraph.transport.deadline import own_time
from casegraph.upstreams.action_management.client import (
    CASE,
    CASE_NOTES,
    CASE_QUERY,
    LISTS,
    ROLES,
)
from casegraph.upstreams.base import Rest
from casegraph.upstreams.case_reviews.client import REVIEWS
from casegraph.upstreams.paths import Segment, int32
from casegraph.upstreams.ratings.client import RATINGS

Json = dict[str, Any]
Variables = Mapping[str, Any]

SECONDS = 10.0
"""Time for a request, as the gateway gives one by default."""
_LIST_VALUE = (
    "listId",
    "id",
    "name",
    "type",
    "isOpen",
    "isHigh",
    "subCategoryId",
    "subCategoryName",
)
_DATA_FIELD = ("id", "caseId", "name", "value", "questionName")
_PLAIN = (
    "workflowId",
    "workflowName",
    "cost",
    "isClosed",
    "triggerId",
    "triggerName",
    "dateCreated",
)


class Floor:
    """The five queries."""

    def __init__(self, cases: Rest, reviews: Rest, ratings: Rest) -> None:
        self._cases = cases
        self._reviews = reviews
        self._ratings = ratings
        self._look_ups: dict[tuple[str, str], Json] = {}
        self.queries: Mapping[str, Callable[[Variables], Awaitable[Json]]] = {
            "Q1": self._linked_page,
            "Q2": self._one,
            "Q3": self._program,
            "Q4": self._whole_page,
            "Q5": self._linked_page,
        }

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        own_time(SECONDS)
        asked = msgspec.json.decode(await request.body())
        data = await self.queries[asked["operationName"]](asked["variables"])
        return Response(msgspec.json.encode({"data": data}), media_type="application/json")

    async def _page(self, asked: Variables) -> list[Json]:
        body = {"top": asked["first"], "skip": asked["skip"]}
        reply = await self._cases.call(CASE_QUERY, _hub(asked), body=body)
        found: list[Json] = msgspec.json.decode(reply.body)["items"]
        return found

    async def _linked_page(self, asked: Variables) -> Json:
        cases = await self._page(asked)
        links = await asyncio.gather(
            *(call for case in cases for call in self._links(asked, case["id"]))
        )
        return {
            "cases": [
                {**_head(case), **_linked(*links[at * 3 : at * 3 + 3])}
                for at, case in enumerate(cases)
            ]
        }

    async def _one(self, asked: Variables) -> Json:
        ids = {**_hub(asked), "case": _id(asked["id"])}
        case = msgspec.json.decode((await self._cases.call(CASE, ids)).body)
        links = await asyncio.gather(*self._links(asked, case["id"]))
        return {"case": {**_head(case), "isOverDue": case.get("isOverDue"), **_linked(*links)}}

    async def _program(self, asked: Variables) -> Json:
        hub = _hub(asked)
        lists, roles = await asyncio.gather(self._kept("lists", hub), self._kept("roles", hub))
        return {
            "programLists": [
                {
                    **_of(each, "id", "name", "type"),
                    "items": [_of(item, "id", "name") for item in each["items"]],
                }
                for each in lists["items"]
            ],
            "roles": [_of(each, "id", "name", "isActive") for each in roles["items"]],
        }

    async def _whole_page(self, asked: Variables) -> Json:
        return {"cases": [_whole(case) for case in await self._page(asked)]}

    def _links(self, asked: Variables, case_id: int) -> tuple[Awaitable[Any], ...]:
        case = _id(case_id)
        return (
            _body(self._cases.call(CASE_NOTES, {**_hub(asked), "case": case})),
            _rated(self._ratings.call(RATINGS, {"case": case})),
            _body(self._reviews.call(REVIEWS, query=(("case", case),))),
        )

    async def _kept(self, name: str, hub: Mapping[str, Segment]) -> Json:
        """Return a look-up, asked once: a run is shorter than they are kept for."""
        key = (name, str(hub["hub"]))
        if key not in self._look_ups:
            operation = LISTS if name == "lists" else ROLES
            self._look_ups[key] = await _body(self._cases.call(operation, hub))
        return self._look_ups[key]


async def _body(call: Awaitable[Any]) -> Any:
    return msgspec.json.decode((await call).body)


async def _rated(call: Awaitable[Any]) -> Any:
    try:
        return await _body(call)
    except UpstreamNotFound:
        return {"data": []}  # a case that nobody was asked to rate


def _id(value: int) -> Segment:
    return int32("id", str(value))


def _hub(asked: Variables) -> dict[str, Segment]:
    return {"hub": _id(asked["hub"])}


def _of(row: Json, *names: str) -> Json:
    return {name: row.get(name) for name in names}


def _head(case: Json) -> Json:
    status = next((each["name"] for each in case["listValues"] if each["type"] == "status"), None)
    return {"id": case["id"], "name": case["name"], "status": status}


def _linked(notes: Json, ratings: Json, reviews: list[Json]) -> Json:
    return {
        "notes": [
            {
                "id": note["id"],
                "comments": note["comments"],
                "createdBy": author and {"userName": author["userName"]},
            }
            for note in notes["items"]
            for author in (note.get("createdBy"),)
        ],
        "ratings": [_of(each, "id", "score") for each in ratings["data"]],
        "reviews": [_of(each, "id", "status") for each in reviews],
    }


def _whole(case: Json) -> Json:
    return {
        **_head(case),
        **_of(case, *_PLAIN),
        "listValues": [_of(each, *_LIST_VALUE) for each in case["listValues"]],
        "roles": [
            {
                **_of(role, "id", "caseId", "name", "workflowRoleIsActive"),
                "users": [
                    {
                        **_of(user, "id", "userName", "isActive"),
                        "links": {"self": user["links"]["self"]},
                    }
                    for user in role["users"]
                ],
            }
            for role in case["roles"]
        ],
        "dataFields": [_of(each, *_DATA_FIELD) for each in case["dataFields"]],
        "links": {"self": case["links"]["self"], "notes": case["links"]["notes"]},
    }


def floor() -> Starlette:
    """Return the application, over the upstreams that the environment tells of."""
    wired = wiring.wire(load_settings())
    sources = wired.sources
    three = (sources.action_management, sources.case_reviews, sources.ratings)
    made = Floor(*(client._rest for client in three))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await wired.close()

    return Starlette(routes=[Route("/graphql", made.answer, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    prepare(os.environ)
    app = floor()
    Collector().started()  # tuned as the gateway's is
    port = int(os.environ["CASEGRAPH_PORT"])
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", log_config=None)
