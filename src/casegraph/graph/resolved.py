"""The decorator of fields that are computed, typed so that the functions below it stay typed.

strawberry's own returns Any once a GraphQL type is given, which it must be here: resolvers return
the wire side's records, and the types of the graph only declare what is to be seen of them.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import strawberry

from casegraph.engine.compiled.fields import BATCH

Resolver = TypeVar("Resolver")


def resolved(
    *,
    description: str,
    graphql_type: Any = None,
    directives: Sequence[object] = (),
    batch: Callable[..., Any] | None = None,
) -> Callable[[Resolver], Resolver]:
    """Make a field of a function; `graphql_type` where its annotation is not the graph's type.

    `batch` does for all parents of a level what the function does for one.
    """

    def decorate(resolver: Resolver) -> Resolver:
        field: Any = strawberry.field(
            resolver=resolver,  # type: ignore[call-overload]  # any function; strawberry checks it
            graphql_type=graphql_type,
            description=description,
            directives=directives,
            metadata=None if batch is None else {BATCH: batch},
        )
        made: Resolver = field
        return made

    return decorate
