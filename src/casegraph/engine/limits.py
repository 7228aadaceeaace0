"""How big a document may be; what is bigger is refused before it is validated.

The text's length bounds reading, the tokens bound parsing, the shape bounds validation and
execution, and graphql-core's own budget bounds the one rule that compares fields pairwise. Each
refusal names the limit and the figure, so that a person knows what to change.
Introspection has a depth of its own: the query that GraphiQL and code generators send goes down
`ofType` nine times and stands at depth 13 to 15. It reads a schema in memory and no upstream, so
its depth buys an attacker nothing, and where it is closed validation refuses it.
Invariant: a document that `parsed` returns is within every limit that needs no schema.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSyntaxError,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    parse,
)

from casegraph.engine.shape import COUNT_MAX, Shape, measured
from casegraph.errors import LimitExceeded

INTROSPECTION_DEPTH_MAX = 20
"""Room for the deepest query a known tool sends (15), and no more."""

_TOO_MANY_TOKENS = "tokens. Parsing aborted."
_TOO_DEEP = "nested too deeply. Parsing aborted."
_ABORTED = "Validation aborted."


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may have; the defaults are those of the study of reliability."""

    characters: int = 15_000
    tokens: int = 2_000
    depth: int = 12
    aliases: int = 30
    root_fields: int = 20
    mutations: int = 5
    directives: int = 50
    fields: int = 200
    """In one selection set, fragments expanded; comparing them is quadratic."""
    operations: int = 10
    comparisons: int = 10_000
    """Units of graphql-core's budget for comparing fields of the same name, about 1 µs each; it
    would allow 500,000. Operations written by people need none; thirty components that all ask
    for the same four fields of one object need 5,000."""


class DocumentRefused(Exception):
    """The document is bigger than is taken; `errors` name each limit that it exceeds."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        self.errors = tuple(errors)
        super().__init__()


def parsed(text: str, limits: Limits | None) -> DocumentNode:
    """Return the document; raises DocumentRefused, or GraphQLError when it is no GraphQL.

    Without limits it may be as big as it likes: a trusted document was chosen by who sets them.
    """
    if limits is None:
        return parse(text)
    if len(text) > limits.characters:
        raise _refused([_said("characters", len(text), limits.characters)])
    try:
        document = parse(text, max_tokens=limits.tokens)
    except GraphQLSyntaxError as error:
        if error.message.endswith(_TOO_MANY_TOKENS):
            raise _refused([_said("tokens", None, limits.tokens)]) from None
        if error.message.endswith(_TOO_DEEP):
            raise _refused([_said("depth", None, limits.depth)]) from None
        raise
    exceeded = list(_exceeded(measured(document), limits))
    if exceeded:
        raise _refused(exceeded)
    return document


def rules_within(
    limits: Limits, rules: Iterable[type[ASTValidationRule]]
) -> tuple[type[ASTValidationRule], ...]:
    """Return validation rules of which the quadratic one has the budget of the limits."""

    class WithinBudget(OverlappingFieldsCanBeMergedRule):
        """The library's rule; its module holds one budget for the process, this one is ours."""

        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = limits.comparisons

    return tuple(
        WithinBudget if rule is OverlappingFieldsCanBeMergedRule else rule for rule in rules
    )


def refuse_aborted(errors: Iterable[GraphQLError], limits: Limits) -> None:
    """Raise DocumentRefused when validation gave up; its findings are then not complete."""
    if any(error.message == _ABORTED for error in errors):
        raise _refused([_said("comparisons of fields of the same name", None, limits.comparisons)])


def _exceeded(shape: Shape, limits: Limits) -> Iterator[str]:
    """Yield what is said of each limit that the document exceeds."""
    for name, figure, limit in (
        ("operations", shape.operations, limits.operations),
        ("depth", shape.depth, limits.depth),
        ("introspection depth", shape.introspection_depth, INTROSPECTION_DEPTH_MAX),
        ("aliases", shape.aliases, limits.aliases),
        ("root fields", shape.root_fields, limits.root_fields),
        ("mutations", shape.mutations, limits.mutations),
        ("directives", shape.directives, limits.directives),
        ("fields of one selection set", shape.fields, limits.fields),
    ):
        if figure > limit:
            yield _said(name, figure, limit)


def _said(name: str, figure: int | None, limit: int) -> str:
    """Return a refusal; without a figure, counting stopped at the limit."""
    if figure is None or figure >= COUNT_MAX:
        has = f"more than {limit if figure is None else COUNT_MAX}"
    else:
        has = str(figure)
    return f"The document is too big: {name} {has}, at most {limit} allowed."


def _refused(messages: Iterable[str]) -> DocumentRefused:
    return DocumentRefused(
        [GraphQLError(message, original_error=LimitExceeded(message)) for message in messages]
    )
