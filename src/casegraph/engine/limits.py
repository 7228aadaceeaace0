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
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSyntaxError,
    OverlappingFieldsCanBeMergedRule,
    SelectionSetNode,
    ValidationContext,
    parse,
)

from casegraph.engine.merging import merges_for_certain
from casegraph.engine.shape import COUNT_MAX, Shape, measured
from casegraph.engine.validation import ABORTED
from casegraph.errors import LimitExceeded

INTROSPECTION_DEPTH_MAX = 20
"""Room for the deepest query a known tool sends (15), and no more."""

_TOO_MANY_TOKENS = "tokens. Parsing aborted."
_TOO_DEEP = "nested too deeply. Parsing aborted."


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
    comparisons: int = 2_000
    """Units of graphql-core's budget for comparing fields of the same name, 1 to 3 µs each; it
    would allow 500,000. None are needed where a name stands for one field on each type, as in
    operations written by people, however many components ask for the same."""


ROWS_MAX = 1_000_000_000
"""Where the rows of an operation are no longer counted."""


@dataclass(frozen=True, slots=True)
class CostLimits:
    """What one operation may cost at most, counted before it is run and with nothing in hand."""

    calls: int = 1_000
    """Twice the fuse, which counts the calls that are made: half of those that could be are seldom
    needed, and what stays below the fuse for certain must not be refused."""
    rows: int = 100_000
    """A full page of cases with a full page at each of its links, and the case again behind each
    row, is 62,100; a walk in circles has 390,000 after four links, with pages of the default size.
    """

    def refusals(self, calls: int, rows: int) -> Iterator[str]:
        """Yield what is said of each limit that is exceeded."""
        for name, figure, limit in (
            ("upstream calls", calls, self.calls),
            ("rows", rows, self.rows),
        ):
            if figure > limit:
                has = f"more than {ROWS_MAX}" if figure >= ROWS_MAX else f"up to {figure}"
                yield (
                    f"The operation asks for too much: {has} {name}, at most {limit} allowed."
                    " Smaller pages and fewer links are less."
                )


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
            self._is_needless = merges_for_certain(context.schema, context.document)

        def enter_selection_set(self, selection_set: SelectionSetNode, *args: Any) -> None:
            """Compare what has not been proven."""
            if not self._is_needless:
                super().enter_selection_set(selection_set, *args)

    return tuple(
        WithinBudget if rule is OverlappingFieldsCanBeMergedRule else rule for rule in rules
    )


def refuse_aborted(errors: Iterable[GraphQLError], limits: Limits) -> None:
    """Raise DocumentRefused when validation gave up; its findings are then not complete."""
    if any(error.message == ABORTED for error in errors):
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
