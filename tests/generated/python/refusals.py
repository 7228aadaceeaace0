"""What the generated types refuse, for mypy: it reports a `type: ignore` that ignores nothing.

So each of these comments proves an error of exactly this kind. Never run.
"""

from datetime import datetime

from casegraph_client import CaseFilter, CasegraphClient, CasePage, UpdateCaseInput


async def refused(client: CasegraphClient) -> None:
    """Ask wrongly in every way that a type can see."""
    await client.case_page("96")  # type: ignore[call-arg]
    await client.case_page("96", 1)  # type: ignore[arg-type]
    await client.queue("96", order_by="DUE_AT")  # type: ignore[arg-type]
    await client.newest_ratings({"caseId": "1"})  # type: ignore[arg-type]
    UpdateCaseInput(caseId="1", name="New")  # type: ignore[call-arg]
    CaseFilter(createdFrom="yesterday")  # type: ignore[arg-type]


def read_carelessly(page: CasePage) -> list[object]:
    """Read as if nothing could be missing."""
    return [
        page.case.cost,  # type: ignore[union-attr]
        page.case.notes.nodes if page.case else None,  # type: ignore[union-attr]
        page.case.is_overdue if page.case else None,  # type: ignore[attr-defined]
    ]


def moments(page: CasePage) -> list[datetime | None]:
    """Read moments as moments."""
    return [page.case.created_at] if page.case else []
