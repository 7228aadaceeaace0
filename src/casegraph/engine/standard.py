"""Runs operations with graphql-core's own executor over strawberry's schema.

strawberry's `Schema.execute` is left aside: it runs the first of several operations when none is
named, and builds its extension machinery for every request. Parsing and validation are remembered
by document text, which saves about 3 ms for a page-sized query (measured in a study of this stack).
Invariant: a document is executed only if it is valid and says which operation is meant; the memory
for documents is bounded, in number and, through the length of a request, in bytes.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from inspect import isawaitable
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    execute,
    parse,
    specified_rules,
    validate,
)

from casegraph.telemetry.observer import current_request
from casegraph.telemetry.vocabulary import OperationType as Told

DOCUMENTS_MAX = 512
"""Documents remembered (reliability default)."""
TOKENS_MAX = 2000
"""Largest document, in tokens (reliability default); the parser stops there."""
ERRORS_MAX = 10
"""Most validation errors reported (reliability default)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client wants to run."""

    query: str
    variables: Mapping[str, Any] | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A document that parsed, and what is wrong with it, if anything."""

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...]


class StandardEngine:
    """Executes operations against one schema; without introspection, such documents are invalid."""

    def __init__(self, schema: GraphQLSchema, *, introspection: bool = True) -> None:
        self._schema = schema
        self._rules = specified_rules
        if not introspection:
            self._rules = (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._checked = lru_cache(maxsize=DOCUMENTS_MAX)(self._check)

    async def run(self, operation: Operation, context: Any) -> ExecutionResult:
        """Return data and errors; `data` is None with an error that has no path when refused."""
        checked = self._checked(operation.query)
        if checked.document is None or checked.errors:
            return ExecutionResult(None, list(checked.errors))
        refusal = _unclear(checked.document, operation.name)
        if refusal is not None:
            return ExecutionResult(None, [refusal])
        result = execute(
            self._schema,
            checked.document,
            context_value=context,
            variable_values=dict(operation.variables or {}),
            operation_name=operation.name,
            max_coercion_errors=ERRORS_MAX,
        )
        return await _settled(result)

    def _check(self, query: str) -> Checked:
        try:
            document = parse(query, max_tokens=TOKENS_MAX)
        except GraphQLError as error:
            return Checked(None, (error,))
        except RecursionError:
            return Checked(None, (GraphQLError("Syntax Error: the document nests too deeply."),))
        errors = validate(self._schema, document, self._rules, max_errors=ERRORS_MAX)
        return Checked(document, tuple(errors))


async def _settled(result: ExecutionResult | Awaitable[ExecutionResult]) -> ExecutionResult:
    return await result if isawaitable(result) else result


def _unclear(document: DocumentNode, name: str | None) -> GraphQLError | None:
    """Return why the operation to run cannot be determined or run here, None when it can."""
    operations = [
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    ]
    named = [node for node in operations if node.name is not None and node.name.value == name]
    if name is None and len(operations) != 1:
        return GraphQLError("Say with operationName which of the operations is meant.")
    if name is not None and not named:
        return GraphQLError("The document has no operation of that name.")
    chosen = (named or operations)[0]
    record = current_request.get()
    if record is not None:
        record.operation_type = Told(chosen.operation.value)
    if chosen.operation is OperationType.SUBSCRIPTION:
        return GraphQLError("This graph has no subscriptions.")
    return None
