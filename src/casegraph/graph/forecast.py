"""What an operation would do upstream, told without doing it.

The operation is walked over the schema with the number of records that may stand at each field;
what a field needs stands in two tables, and what it costs is chosen by the very function that the
executors choose by, over the same numbers.
Invariant: no upstream is called, no feed is begun, nothing is kept.
"""

from collections.abc import Mapping

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution.values import VariableValues

from casegraph.graph.forecast_links import CROSSINGS
from casegraph.graph.forecast_plan import Forecast
from casegraph.graph.forecast_roots import ROOTS
from casegraph.graph.forecast_selection import Document
from casegraph.graph.forecast_walk import Population, Rule, Walk
from casegraph.loading.outlook import Outlook

RULES: Mapping[tuple[str, str], Rule] = {**ROOTS, **CROSSINGS}
"""Every field that may cost a call."""


async def forecast(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: VariableValues,
    outlook: Outlook,
    *,
    fuse: int | None = None,
) -> Forecast:
    """Return what an operation of a valid document would do with these variables."""
    name = None if operation.name is None else operation.name.value
    if operation.operation is not OperationType.QUERY:
        refused = (("", "a forecast is made of queries"),)
        return Forecast(name, (), refused, fuse)
    fragments = {
        each.name.value: each
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    walk = Walk(Document(schema, fragments, variables), outlook, RULES)
    await walk.below(Population("Query"), [operation.selection_set], "")
    return Forecast(name, tuple(walk.steps), tuple(walk.refused), fuse)
