"""Runs operations with graphql-core's own executor over strawberry's schema.

strawberry's `Schema.execute` is left aside: it runs the first of several operations when none is
named, and builds its extension machinery for every request. Parsing and validation are remembered
by document text, which saves about 3 ms for a page-sized query (measured in a study of this stack).
Invariant: a document is executed only if it is within the limits, valid, and says which operation
is meant; the memory for documents is bounded, in number and through the limits in bytes, and what
the limits refuse never enters it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, TypeAlias

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_operation_ast,
    specified_rules,
    validate,
)
from graphql.execution.values import VariableValues, get_variable_values

from casegraph.engine.limits import (
    DocumentRefused,
    Limits,
    parsed,
    refuse_aborted,
    rules_within,
)
from casegraph.engine.memory import DocumentMemory
from casegraph.engine.scopes import ALL_SCOPES, Needs
from casegraph.errors import PermissionDenied
from casegraph.telemetry.observer import current_request
from casegraph.telemetry.vocabulary import OperationType as Told

ERRORS_MAX = 10
"""Most validation errors reported (reliability default), with the one that says there are more."""
PLACES_MAX = 10
"""Most places of one error: a name given a thousand times stands in a thousand."""
_CHARACTERS_PER_TOKEN = 500
"""How much text weighs as much as a parsed token."""


_NOTHING: Needs = {}

Result: TypeAlias = ExecutionResult
"""Data and errors, for rooms that do not speak GraphQL themselves."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client wants to run."""

    query: str
    variables: Mapping[str, Any] | None = None
    name: str | None = None
    reads_only: bool = False
    """Whether the way it came promises to change nothing; a mutation is then refused."""
    is_trusted: bool = False
    """Whether who runs the gateway chose the document; the limits on documents do not hold."""
    scopes: frozenset[str] = ALL_SCOPES
    """What who asks may do."""


NeedsOf: TypeAlias = Callable[[DocumentNode], Mapping[str | None, Needs]]
"""Finds the scopes that the operations of a valid document need, by name."""


def _needs_nothing(_document: DocumentNode) -> Mapping[str | None, Needs]:
    return {}


class ReadsOnly(Exception):
    """A mutation came by a way that promises to change nothing; it was not looked at further."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A document that parsed, and what is wrong with it, if anything."""

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...]
    tokens: int = 0
    """How many of the document are kept."""
    mutations: frozenset[str | None] = frozenset()
    """Operation names with which it would change something; known of invalid ones as well."""
    needs: Mapping[str | None, Needs] = field(default_factory=dict)
    """What each operation of a valid document needs, by name."""


class StandardEngine:
    """Executes operations against one schema.

    Without introspection, documents that ask for it are invalid; without suggestions, an error
    about an unknown name says nothing of the names there are.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        introspection: bool = True,
        suggestions: bool = True,
        limits: Limits | None = None,
        needs: NeedsOf | None = None,
    ) -> None:
        self._schema = schema
        self._needs_of = needs or _needs_nothing
        self._limits = limits or Limits()
        self._hide_suggestions = not suggestions
        rules = specified_rules
        if not introspection:
            rules = (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._rules = rules_within(self._limits, rules)
        self._memory = DocumentMemory[Checked]()
        self._all_rules = rules
        self._trusted: dict[str, Checked] = {}  # as many as were given at start

    @property
    def schema(self) -> GraphQLSchema:
        """What operations are checked against."""
        return self._schema

    def prepared(self, operation: Operation) -> DocumentNode | ExecutionResult:
        """Return a valid document in which the operation is clear, or the answer that refuses it.

        `data` is then None, with an error that has no path. Raises ReadsOnly.
        """
        find = self._checked_trusted if operation.is_trusted else self._checked
        try:
            checked = find(operation.query)
        except DocumentRefused as refused:
            return ExecutionResult(None, list(refused.errors))
        if operation.reads_only and operation.name in checked.mutations:
            raise ReadsOnly
        if checked.document is None or checked.errors:
            return ExecutionResult(None, list(checked.errors))
        refusal = _unclear(checked.document, operation.name) or _denied(checked, operation)
        return checked.document if refusal is None else ExecutionResult(None, [refusal])

    def coerced(
        self, definition: OperationDefinitionNode, operation: Operation
    ) -> VariableValues | ExecutionResult:
        """Return the values of the variables, or the answer that running it would give."""
        values = get_variable_values(
            self._schema,
            definition.variable_definitions or (),
            dict(operation.variables or {}),
            max_errors=ERRORS_MAX - 1,
            hide_suggestions=self._hide_suggestions,
        )
        return values if isinstance(values, VariableValues) else ExecutionResult(None, values)

    async def run(self, operation: Operation, context: Any) -> ExecutionResult:
        """Return data and errors, or the answer that refuses the operation; raises ReadsOnly."""
        document = self.prepared(operation)
        if isinstance(document, ExecutionResult):
            return document
        result = execute(
            self._schema,
            document,
            context_value=context,
            variable_values=dict(operation.variables or {}),
            operation_name=operation.name,
            max_coercion_errors=ERRORS_MAX - 1,
            hide_suggestions=self._hide_suggestions,
        )
        return await _settled(result)

    def _checked(self, query: str) -> Checked:
        """Return what is found of a text; raises DocumentRefused, which is not remembered.

        So no flood of refused texts drives out the good.
        """
        checked = self._memory.get(query)
        if checked is None:
            checked = self._check(query)
            self._memory.put(query, checked, checked.tokens + len(query) // _CHARACTERS_PER_TOKEN)
        return checked

    def _check(self, query: str) -> Checked:
        try:
            document = parsed(query, self._limits)
        except GraphQLError as error:
            return Checked(None, (error,))
        errors = validate(
            self._schema,
            document,
            self._rules,
            max_errors=ERRORS_MAX - 1,
            hide_suggestions=self._hide_suggestions,
        )
        refuse_aborted(errors, self._limits)
        if errors:
            light = tuple(_light(error) for error in errors)
            return Checked(None, light, mutations=_mutations(document))
        return Checked(
            document,
            (),
            document.token_count or 0,
            _mutations(document),
            self._needs_of(document),
        )

    def _checked_trusted(self, query: str) -> Checked:
        """Return what is found of a document that has no limits; it is remembered for good."""
        checked = self._trusted.get(query)
        if checked is None:
            document = parsed(query, None)
            errors = validate(self._schema, document, self._all_rules)
            needs = {} if errors else self._needs_of(document)
            checked = Checked(document, tuple(errors), mutations=_mutations(document), needs=needs)
            self._trusted[query] = checked
        return checked


def _light(error: GraphQLError) -> GraphQLError:
    """Return an error that holds places in the text and not the parsed document."""
    cause = error.original_error
    return GraphQLError(
        error.message,
        source=error.source,
        positions=list(error.positions or ())[:PLACES_MAX],
        original_error=None if cause is None else cause.with_traceback(None),
    )


def _mutations(document: DocumentNode) -> frozenset[str | None]:
    """Return the names with which a mutation is chosen; None where it is the only operation."""
    operations = [
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    ]
    names: set[str | None] = {
        node.name.value if node.name else None
        for node in operations
        if node.operation is OperationType.MUTATION
    }
    if names and len(operations) == 1:
        names.add(None)
    return frozenset(names)


async def _settled(result: ExecutionResult | Awaitable[ExecutionResult]) -> ExecutionResult:
    return await result if isawaitable(result) else result


def definition_of(document: DocumentNode, operation: Operation) -> OperationDefinitionNode:
    """Return the definition that is meant, in a document in which that is clear."""
    found = get_operation_ast(document, operation.name)
    if found is None:
        raise AssertionError(operation.name)
    return found


def _denied(checked: Checked, operation: Operation) -> GraphQLError | None:
    """Return why who asks may not have the operation run, None when it may."""
    for scope, place in checked.needs.get(operation.name, _NOTHING).items():
        if scope not in operation.scopes:
            cause = PermissionDenied(scope, place)
            return GraphQLError(str(cause), original_error=cause)
    return None


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
