"""Runs operations with graphql-core's own executor over strawberry's schema.

strawberry's `Schema.execute` is left aside: it runs the first of several operations when none is
named, and builds its extension machinery for every request. Parsing and validation are remembered
by document text, which saves about 3 ms for a page-sized query (measured in a study of this stack).
Invariant: a document is executed only if it is within the limits, valid, and says which operation
is meant; the memory for documents is bounded, in number and through the limits in bytes, and what
the limits refuse never enters it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Protocol, TypeAlias

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    experimental_execute_incrementally,
    get_operation_ast,
    specified_rules,
)
from graphql.execution import Executor
from graphql.execution.values import VariableValues, get_variable_values
from msgspec import Struct

from casegraph.engine.incremental import Parts, execute_in_parts, mentions_parts, negative_count
from casegraph.engine.limits import (
    DocumentRefused,
    Limits,
    parsed,
    refuse_aborted,
    rules_within,
)
from casegraph.engine.memory import DocumentMemory
from casegraph.engine.scopes import ALL_SCOPES, Needs
from casegraph.engine.validation import validated
from casegraph.errors import LimitExceeded, PermissionDenied
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


class Operation(Struct, frozen=True):
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


class DocumentCost(Protocol):
    """What the operations of one document can cost, which depends on their variables."""

    def refusals(self, name: str | None, variables: Mapping[str, Any]) -> Sequence[str]:
        """Return what is said against running the operation of a name, nothing if it may run."""


CostOf: TypeAlias = Callable[[DocumentNode], DocumentCost]
"""Finds what the operations of a valid document can cost."""


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
    cost: DocumentCost | None = None
    """None where it may cost what it likes: of invalid documents, and of trusted ones."""
    kinds: dict[str | None, Told] = field(default_factory=dict)
    """What the operations are that were found clear, by name: no more than there are of them."""


class StandardEngine:
    """Executes operations against one schema.

    Without introspection, documents that ask for it are invalid; without suggestions, an error
    about an unknown name says nothing of the names there are.
    """

    looks_again = False
    """Whether it may use a context after the answer was given."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        introspection: bool = True,
        suggestions: bool = True,
        limits: Limits | None = None,
        needs: NeedsOf | None = None,
        cost: CostOf | None = None,
    ) -> None:
        self._schema = schema
        self._cost_of = cost
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
        refusal = _unclear(checked, checked.document, operation.name)
        refusal = refusal or _denied(checked, operation)
        if refusal is None and mentions_parts(operation.query):
            refusal = self._miscounted(checked.document, operation)
        refusals = [refusal] if refusal is not None else _too_costly(checked, operation)
        return ExecutionResult(None, refusals) if refusals else checked.document

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
        """Return data and errors, or the answer that refuses the operation; raises ReadsOnly.

        What the document puts off with @defer and @stream comes with the rest.
        """
        document = self.prepared(operation)
        if isinstance(document, ExecutionResult):
            return document
        # `execute` refuses schemas that have @defer; this executor is the one that ignores it.
        result = experimental_execute_incrementally(
            self._schema,
            document,
            context_value=context,
            variable_values=dict(operation.variables or {}),
            operation_name=operation.name,
            max_coercion_errors=ERRORS_MAX - 1,
            hide_suggestions=self._hide_suggestions,
            executor_class=Executor,
        )
        return await _settled(result)

    async def run_in_parts(self, operation: Operation, context: Any) -> ExecutionResult | Parts:
        """Return the answer like `run`, or in parts where a query puts something off."""
        if not mentions_parts(operation.query):
            return await self.run(operation, context)
        document = self.prepared(operation)
        if isinstance(document, ExecutionResult):
            return document
        if definition_of(document, operation).operation is not OperationType.QUERY:
            # A later mutation of the operation must not overtake what an earlier one put off.
            return await self.run(operation, context)
        return await execute_in_parts(
            self._schema,
            document,
            context_value=context,
            raw_variable_values=dict(operation.variables or {}),
            operation_name=operation.name,
            max_coercion_errors=ERRORS_MAX - 1,
            hide_suggestions=self._hide_suggestions,
        )

    def _miscounted(self, document: DocumentNode, operation: Operation) -> GraphQLError | None:
        """Return what is wrong with the counts of @stream, None where they can be used."""
        values = self.coerced(definition_of(document, operation), operation)
        return negative_count(document, values) if isinstance(values, VariableValues) else None

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
        errors = validated(
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
            None if self._cost_of is None else self._cost_of(document),
        )

    def _checked_trusted(self, query: str) -> Checked:
        """Return what is found of a document that has no limits; it is remembered for good."""
        checked = self._trusted.get(query)
        if checked is None:
            document = parsed(query, None)
            errors = validated(self._schema, document, self._all_rules)
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


async def _settled(result: Any) -> ExecutionResult:
    settled: ExecutionResult = await result if isawaitable(result) else result
    return settled


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


def _too_costly(checked: Checked, operation: Operation) -> list[GraphQLError]:
    """Return each limit that the operation would exceed, before anything is asked for it."""
    if checked.cost is None:
        return []
    said = checked.cost.refusals(operation.name, operation.variables or {})
    return [GraphQLError(each, original_error=LimitExceeded(each)) for each in said]


def _unclear(checked: Checked, document: DocumentNode, name: str | None) -> GraphQLError | None:
    """Return why the operation to run cannot be determined or run here, None when it can."""
    kind = checked.kinds.get(name)
    if kind is None:
        chosen = _chosen(document, name)
        if isinstance(chosen, GraphQLError):
            return chosen
        if chosen.operation is OperationType.SUBSCRIPTION:
            return GraphQLError("This graph has no subscriptions.")
        kind = checked.kinds[name] = Told(chosen.operation.value)
    record = current_request.get()
    if record is not None:
        record.operation_type = kind
    return None


def _chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode | GraphQLError:
    """Return the operation that is meant, or why that is not clear."""
    operations = [
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    ]
    if name is None:
        if len(operations) == 1:
            return operations[0]
        return GraphQLError("Say with operationName which of the operations is meant.")
    for node in operations:
        if node.name is not None and node.name.value == name:
            return node
    return GraphQLError("The document has no operation of that name.")
