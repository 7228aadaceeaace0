"""What `casegraph check` finds: each upstream reachable or not, credentials accepted or not.

One cheap read per upstream that changes nothing and mails nobody. An answer that the asked-for
thing does not exist proves both points, so it counts as good.
Invariant: no address and no secret is printed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from casegraph.errors import (
    CasegraphError,
    CredentialsMissing,
    UpstreamNotConfigured,
    UpstreamNotFound,
)
from casegraph.loading.sources import Sources


@dataclass(frozen=True, slots=True)
class Finding:
    """What one upstream's check found; `ok` is None when there was nothing to ask."""

    upstream: str
    ok: bool | None
    text: str


async def check_upstreams(sources: Sources, hubs: tuple[str, ...]) -> list[Finding]:
    """Ask every upstream once, in order; with several hubs, each of them."""

    async def cases() -> None:
        client = sources.action_management
        if not hubs:
            await client.hubs()
        for hub in hubs:
            await client.roles(hub)

    async def reviews() -> None:
        await sources.case_reviews.reviews_count(())

    async def ratings() -> None:
        await sources.ratings.case_summaries(offset=0, limit=1)

    async def customers() -> None:
        try:
            await sources.customer_cases.object_fields()
        except UpstreamNotFound:
            return  # a connector without field definitions is still there

    return [
        await _try("action_management", cases),
        await _try("case_reviews", reviews),
        await _try("ratings", ratings),
        await _try("customer_cases", customers),
    ]


async def _try(upstream: str, ask: Callable[[], Awaitable[None]]) -> Finding:
    try:
        await ask()
    except UpstreamNotConfigured:
        return Finding(upstream, ok=None, text="not configured")
    except CredentialsMissing:
        return Finding(upstream, ok=None, text="asked as its callers, so not tried from here")
    except CasegraphError as error:
        return Finding(upstream, ok=False, text=f"{error} [{error.code}]")
    return Finding(upstream, ok=True, text="reachable, credentials accepted")
