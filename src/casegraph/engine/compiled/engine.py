"""Runs queries by compiled plans, and whatever no plan is made of with graphql-core's executor.

graphql-core calls 47 functions for each field (profiled); a plan's code calls none for a leaf.
Which of the two runs an operation cannot be told from its answer.
Invariants: an operation is run only as `prepared` gives it; a document is planned when it comes for
the second time, and its compiling is bounded in time and memory.
"""

from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLSchema
from graphql.execution.values import VariableValues

from casegraph.engine.compiled.classes import Classes
from casegraph.engine.compiled.codegen import Code, bind, compiled, generated
from casegraph.engine.compiled.fields import Sources
from casegraph.engine.compiled.memory import (
    BYTES_MAX,
    DOCUMENTS_MAX,
    SEEN_MAX,
    SELECTION_BYTES,
    STEP_BYTES,
    TOKEN_BYTES,
    VARIANTS_MAX,
    DocumentPlans,
    OperationPlans,
    Weighed,
    look_through,
)
from casegraph.engine.compiled.plan import Plan, Unplanned, planned
from casegraph.engine.compiled.resting import rests_on
from casegraph.engine.compiled.rows import plain
from casegraph.engine.compiled.run import Run
from casegraph.engine.compiled.variables import PlainVariables
from casegraph.engine.standard import Operation, StandardEngine

_NO_VARIABLES = VariableValues({}, {})


class CompiledEngine(StandardEngine):
    """Executes operations against one schema; takes what StandardEngine takes.

    `standard` runs what is not planned, as this engine's own base does unless one is given.
    `directives` names those of the schema's own that work through what resolvers see of their
    field's nodes; `sights` is how often a text must have come before it is planned. Who only
    encodes the answer takes its objects `as_rows`, and not as dicts.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        standard: StandardEngine | None = None,
        *,
        directives: frozenset[str] = frozenset(),
        sights: int = 2,
        as_rows: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(schema, **options)
        self._standard = standard
        self._directives = directives
        self._sights = sights
        self._as_rows = as_rows
        self._sources = Sources(schema)
        self._classes = Classes(schema)
        self._seen: Weighed[int, int] = Weighed(SEEN_MAX, SEEN_MAX)
        self._documents: Weighed[str, DocumentPlans] = Weighed(DOCUMENTS_MAX, BYTES_MAX)

    async def run(self, operation: Operation, context: Any) -> ExecutionResult:
        """Return data and errors, or the answer that refuses the operation; raises ReadsOnly."""
        result = await self.by_plan(operation, context)
        return await self.by_standard(operation, context) if result is None else result

    async def by_plan(self, operation: Operation, context: Any) -> ExecutionResult | None:
        """Return the answer that a plan gives; None for an operation that has none, or none yet."""
        document = self.prepared(operation)
        if isinstance(document, ExecutionResult):
            return document
        plans = self._plans_of(operation.query, document)
        if plans is None:
            return None
        chosen = plans.operations[operation.name]
        if chosen.refusal is not None:
            return None
        variables = _NO_VARIABLES
        if chosen.has_variables:
            found = self._variables_of(chosen, operation)
            if isinstance(found, ExecutionResult):
                return found
            variables = found
        plan = self._variant(operation.query, plans, chosen, variables)
        if isinstance(plan, str):
            return None
        run = Run(plan, self._sources, self._classes, variables, context)
        try:
            result = await run.result()
        finally:
            run.release()
        if not self._as_rows:
            result.data = plain(result.data)
        return result

    async def by_standard(self, operation: Operation, context: Any) -> ExecutionResult:
        """Return the answer that graphql-core's executor gives."""
        if self._standard is not None:
            return await self._standard.run(operation, context)
        return await super().run(operation, context)

    def is_planned(self, operation: Operation) -> bool:
        """Return whether an operation is a query of a document that has come often enough."""
        plans = self._documents.get(operation.query)
        chosen = None if plans is None else plans.operations.get(operation.name)
        return chosen is not None and chosen.refusal is None

    def plan(self, operation: Operation) -> Plan | str:
        """Return the plan that would run an operation, or why the standard executor would.

        The operation must be one that `prepared` and `coerced` have nothing against.
        """
        document = self.prepared(operation)
        if isinstance(document, ExecutionResult):
            return "not valid"
        plans = look_through(document, self._directives)
        chosen = plans.operations[operation.name]
        if chosen.refusal is not None:
            return chosen.refusal
        variables = self.coerced(chosen.definition, operation)
        if isinstance(variables, ExecutionResult):
            return "not valid"
        return self._planned(plans, chosen, variables)

    def code(self, plan: Plan) -> Code:
        """Return the code that would run a plan."""
        return generated(plan, self._classes)

    def _plans_of(self, text: str, document: DocumentNode) -> DocumentPlans | None:
        """Return the plans of a document; None for one that has not come often enough."""
        plans = self._documents.get(text)
        if plans is None:
            digest = hash(text)
            sights = (self._seen.get(digest) or 0) + 1
            if sights < self._sights:
                self._seen.put(digest, sights, 1)
                return None
            plans = look_through(document, self._directives)
            self._documents.put(text, plans, _weight(text, plans))
        return plans

    def _variables_of(
        self, chosen: OperationPlans, operation: Operation
    ) -> VariableValues | ExecutionResult:
        """Return what `coerced` returns."""
        plain = chosen.plain_variables
        if plain is None:
            plain = chosen.plain_variables = PlainVariables(self._schema, chosen.definition)
        return plain.coerced(operation.variables or {}) or self.coerced(
            chosen.definition, operation
        )

    def _variant(
        self, text: str, plans: DocumentPlans, chosen: OperationPlans, variables: VariableValues
    ) -> Plan | str:
        """Return an operation's plan for these values of its switches, or why it has none."""
        coerced = variables.coerced
        switches = tuple(coerced.get(name) for name in chosen.switches)
        plan = chosen.variants.get(switches)
        if plan is None:
            if len(chosen.variants) >= VARIANTS_MAX:
                return f"more than {VARIANTS_MAX} choices of what is left out"
            plan = chosen.variants[switches] = self._planned(plans, chosen, variables)
            if isinstance(plan, str):
                plans.steps += 1
            else:
                plans.steps += len(plan.steps)
                plans.selections += len(plan.selections)
            self._documents.put(text, plans, _weight(text, plans))
        return plan

    def _planned(
        self, plans: DocumentPlans, chosen: OperationPlans, variables: VariableValues
    ) -> Plan | str:
        try:
            plan = planned(
                self._schema, plans.document, chosen.definition, variables, self._sources
            )
        except Unplanned as refused:
            return str(refused)
        plan.rests_on = rests_on(plan)
        code = generated(plan, self._classes)
        bind(plan, code, compiled(plan, code))
        return plan


def _weight(text: str, plans: DocumentPlans) -> int:
    tokens = plans.document.token_count or 0
    planned = plans.steps * STEP_BYTES + plans.selections * SELECTION_BYTES
    return len(text) + tokens * TOKEN_BYTES + planned
