"""The library's validation with its own rules, in half the time.

graphql-core visits every node of a document for every rule, names included, visits it again for
its variables, and keeps what it finds under nodes that it hashes to their last leaf. Here nodes
that no rule looks at are left out, what has no `$` is not searched for variables, and nodes are
told apart by identity. It matters for hostile documents: each is validated once, at its first
sight, on the loop that serves everybody.
Invariant: errors, their order and their places are those of `graphql.validate`; a test compares.
"""

from collections.abc import Iterable
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    ParallelVisitor,
    TypeInfo,
    TypeInfoVisitor,
    ValidationContext,
    Visitor,
    VisitorAction,
    visit,
)
from graphql.language.visitor import BREAK, SKIP, EnterLeaveVisitor
from graphql.pyutils import RefMap
from graphql.validation.validate import (
    FragmentNestingVisitor,
    ValidationAbortedError,
    query_document_keys_to_validate,
)
from graphql.validation.validation_context import VariableUsage, VariableUsageVisitor

ABORTED = "Validation aborted."
"""What the library says when a budget of its own is used up."""

_UNSEEN = frozenset({"name", "alias"})
"""Children that no rule and no type lookup visits: they are read from the node around them."""
_KEYS = {
    kind: tuple(key for key in keys if key not in _UNSEEN)
    for kind, keys in query_document_keys_to_validate.items()
}
_ERRORS_MAX = 100


def validated(
    schema: GraphQLSchema,
    document: DocumentNode,
    rules: Iterable[type[ASTValidationRule]],
    *,
    max_errors: int = _ERRORS_MAX,
    hide_suggestions: bool = False,
) -> list[GraphQLError]:
    """Return what is wrong with a document; one more than `max_errors` says that there is more."""
    errors: list[GraphQLError] = []

    def add(error: GraphQLError) -> None:
        if len(errors) >= max_errors:
            raise ValidationAbortedError(
                "Too many validation errors, error limit reached. Validation aborted."
            )
        errors.append(error)

    types = TypeInfo(schema)
    context = _Context(schema, document, types, add, hide_suggestions)
    visitors: list[Visitor] = [rule(context) for rule in rules]
    fragments = {
        each.name.value: each
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    if fragments:
        visitors.insert(0, FragmentNestingVisitor(fragments))
    try:
        visit(document, TypeInfoVisitor(types, _Parallel(visitors)), _KEYS)
    except ValidationAbortedError as error:
        error.__context__ = None
        errors.append(error.with_traceback(None))  # or its frames would live as long as it does
    except RecursionError:
        errors.append(ValidationAbortedError(ABORTED))
    return errors


class _Context(ValidationContext):
    """The library's context, which tells nodes apart by identity."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # Maps of the library's own with the two methods of a dict that it uses here.
        self._fragment_spreads = RefMap()  # type: ignore[assignment]
        self._variable_usages = RefMap()  # type: ignore[assignment]
        self._recursive_variable_usages = RefMap()  # type: ignore[assignment]

    def get_variable_usages(
        self, node: OperationDefinitionNode | FragmentDefinitionNode
    ) -> list[VariableUsage]:
        """Return the variables that a definition uses itself, each with what is expected there."""
        usages = self._variable_usages.get(node)
        if usages is None:
            usages = self._variable_usages[node] = self._usages(node)
        return usages

    def _usages(
        self, node: OperationDefinitionNode | FragmentDefinitionNode
    ) -> list[VariableUsage]:
        place = node.loc
        if place is not None and "$" not in place.source.body[place.start : place.end]:
            return []
        around = node if isinstance(node, FragmentDefinitionNode) else None
        visitor = VariableUsageVisitor(self._type_info, around)
        visit(node, TypeInfoVisitor(self._type_info, visitor), _KEYS)
        return visitor.usages


class _Parallel(ParallelVisitor):
    """The library's, which asks only the visitors that look at this kind of node."""

    def get_enter_leave_for_kind(self, kind: str) -> EnterLeaveVisitor:
        """Return the functions for one kind of node."""
        found = self.enter_leave_map.get(kind)
        if found is None:
            found = self.enter_leave_map[kind] = self._for_kind(kind)
        return found

    def _for_kind(self, kind: str) -> EnterLeaveVisitor:
        each = [(i, *v.get_enter_leave_for_kind(kind)) for i, v in enumerate(self.visitors)]
        entering = [(i, enter) for i, enter, _ in each if enter]
        leaving = [(i, leave) for i, enter, leave in each if enter or leave]
        skipping, stop = self.skipping, self._stop

        def enter(*seen: Any) -> VisitorAction:
            for i, look in entering:
                if not skipping[i]:
                    said = look(*seen)
                    if said is not None:
                        stop(i, seen[0], said)
            return None

        def leave(*seen: Any) -> VisitorAction:
            for i, look in leaving:
                if skipping[i] is seen[0]:
                    skipping[i] = None
                elif look and not skipping[i]:
                    look(*seen)
            return None

        return EnterLeaveVisitor(enter if entering else None, leave if leaving else None)

    def _stop(self, number: int, node: Node, said: Any) -> None:
        """Leave a visitor out below a node, or from here on; no rule asks for anything else."""
        if said is SKIP or said is False:
            self.skipping[number] = node
        elif said is BREAK or said is True:
            self.skipping[number] = BREAK
