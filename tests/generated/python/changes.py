"""A change, the conflict that it makes for somebody else, and the way out of it, typed.

Run as `python changes.py URL WISHES` beside the package that ariadne-codegen made. Prints one JSON
array with what each step told.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

import httpx
from casegraph_client import CasegraphClient, UpdateCaseInput, WriteOutcome

DUE = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)


async def change(client: CasegraphClient, wishes: UpdateCaseInput) -> dict[str, Any]:
    """Ask for one change and return what was told of it."""
    payload = (await client.change_case(wishes)).update_case
    conflict = payload.conflict
    after = payload.case or (conflict.current if conflict else None)
    return {
        "outcome": payload.outcome.value,
        "stands": payload.outcome in {WriteOutcome.APPLIED, WriteOutcome.UNCHANGED},
        "version": after.version if after else None,
        "dueAt": str(payload.case.due_at) if payload.case else None,
        "changes": [[each.field, each.before, each.after] for each in payload.changes],
        "differences": [[each.field, each.actual] for each in conflict.fields] if conflict else [],
        "codes": [error.code.value for error in payload.user_errors],
    }


async def main() -> None:
    """Make the changes at the gateway named by the first argument."""
    wishes = json.loads(sys.argv[2])
    key = {"hubId": wishes["hubId"], "caseId": wishes["caseId"]}
    seen = wishes["version"]
    # Any: the generator's protocol has parameters by position that httpx has by keyword only.
    http: Any = httpx.AsyncClient(timeout=30)
    async with CasegraphClient(url=sys.argv[1], http_client=http) as client:
        first = await change(client, UpdateCaseInput(**key, dueAt=DUE, expectedVersion=seen))
        second = await change(client, UpdateCaseInput(**key, name="Other", expectedVersion=seen))
        again = UpdateCaseInput(**key, name="Other", expectedVersion=second["version"])
        json.dump([first, second, await change(client, again)], sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
