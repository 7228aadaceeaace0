"""Plans and their code as text, for people: `casegraph explain --plan` and `--code`.

Invariant: what is printed is what runs; the code is the very text that is compiled.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from casegraph.engine.compiled.codegen import Code
from casegraph.engine.compiled.engine import CompiledEngine
from casegraph.engine.compiled.fields import Way
from casegraph.engine.compiled.plan import Kind, Plan, Selection, Shape, Step
from casegraph.engine.compiled.rows import Row
from casegraph.engine.standard import Operation, StandardEngine

_WAYS = {
    Way.TYPENAME: "known",
    Way.READ: "read",
    Way.CALLED: "called for each parent",
    Way.AWAITED: "awaited for each parent, all together",
    Way.BATCHED: "asked once for all parents",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """A valid operation and the engine that would run it."""

    engine: StandardEngine
    operation: Operation

    def shown(self, *, plan: bool, code: bool) -> list[str]:
        """Return the plan, the code, or both; or who runs the operation in place of a plan."""
        if not isinstance(self.engine, CompiledEngine):
            return ["Run by graphql-core's executor, as CASEGRAPH_ENGINE says.\n"]
        made = self.engine.plan(self.operation)
        if isinstance(made, str):
            return [f"Run by graphql-core's executor: {made}.\n"]
        shown = [plan_text(made)] if plan else []
        return [*shown, code_text(self.engine.code(made))] if code else shown


def plan_text(plan: Plan) -> str:
    """Return a plan as an indented list of its fields, each with how its value is had."""
    head = (
        f"{plan.operation.operation.value} {plan.label}: {len(plan.steps)} fields,"
        f" {len(plan.regions)} regions"
    )
    return "\n".join([head, *_lines(plan.root, 1)]) + "\n"


def code_text(code: Code) -> str:
    """Return the code of a plan, with the strings and rows that its names stand for."""
    shown = [
        f"# {name} = {text}"
        for name, value in sorted(code.constants.items(), key=lambda each: _order(each[0]))
        if (text := _shown(value)) is not None
    ]
    return "\n".join([*shown, "", "", code.text])


def _shown(value: object) -> str | None:
    """Return a text as Python writes it, and a class of rows by its keys."""
    if isinstance(value, type) and issubclass(value, Row):
        return f"a row of {', '.join(value.__struct_encode_fields__)}"
    return repr(value) if isinstance(value, str) else None


def _lines(selection: Selection, depth: int) -> Iterator[str]:
    for step in selection.steps:
        yield f"{'  ' * depth}{_line(step)}"
        shape: Shape | None = step.shape
        while shape is not None and shape.kind is Kind.LIST:
            shape = shape.item
        if shape is None:
            continue
        for name, below in shape.selections.items():
            if shape.kind is Kind.ABSTRACT:
                yield f"{'  ' * (depth + 1)}on {name}"
            yield from _lines(below, depth + 1 + (shape.kind is Kind.ABSTRACT))


def _line(step: Step) -> str:
    named = step.nodes[0].name.value
    alias = "" if step.key == named else f"{step.key}: "
    region = "" if step.region is None else f", region {step.region.number}"
    return f"{alias}{named}: {step.definition.type} ({_WAYS[step.source.way]}{region})"


def _order(name: str) -> tuple[str, int]:
    return name[0], int(name[1:]) if name[1:].isdigit() else 0
