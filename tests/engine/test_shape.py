"""The pass that measures documents: it is linear, and it counts what expanding would show."""

from collections.abc import Callable

import pytest
from graphql import FieldNode, FragmentSpreadNode, SelectionSetNode, parse
from hypothesis import given
from hypothesis import strategies as st

from casegraph.engine.shape import measured

GROWING: dict[str, Callable[[int], str]] = {
    "fields": lambda n: "{ " + "a " * n + "}",
    "deep fields": lambda n: "{ a " * n + "{ a }" + " }" * n,
    "aliases": lambda n: "{ " + " ".join(f"a{i}: b" for i in range(n)) + " }",
    "inline fragments": lambda n: "{ " + "... { a } " * n + "}",
    "nested inline fragments": lambda n: "{ " + "... { " * n + "a" + " }" * n + " }",
    "values": lambda n: "{ a(b: [" + "{c: [1]} " * n + "]) }",
    "directives": lambda n: "{ a " + "@b(c: 1) " * n + "}",
    "operations": lambda n: " ".join(f"query Q{i} {{ a ...F }}" for i in range(n)),
    "a chain": lambda n: (
        "{ ...F0 } "
        + " ".join(f"fragment F{i} on Q {{ a ...F{i + 1} }}" for i in range(n))
        + f" fragment F{n} on Q {{ a }}"
    ),
    "a doubling chain": lambda n: (
        "{ ...F0 } "
        + " ".join(f"fragment F{i} on Q {{ ...F{i + 1} a {{ ...F{i + 1} }} }}" for i in range(n))
        + f" fragment F{n} on Q {{ a }}"
    ),
    "a chain backwards": lambda n: (
        "fragment F0 on Q { a } "
        + " ".join(f"fragment F{i + 1} on Q {{ ...F{i} ...F{i} }}" for i in range(n))
        + f" {{ ...F{n} }}"
    ),
    "one fragment often": lambda n: "{ " + "...F " * n + "} fragment F on Q { " + "a " * n + "}",
    "a ring": lambda n: (
        "{ ...F0 } "
        + " ".join(f"fragment F{i} on Q {{ ...F{(i + 1) % n} ...F0 }}" for i in range(n))
    ),
}


@pytest.mark.parametrize("text", GROWING.values(), ids=GROWING)
def test_the_work_is_linear(text: Callable[[int], str]) -> None:
    """Twice the document is twice the work, counted in nodes and not in seconds."""
    small, large = (measured(parse(text(size))).work for size in (90, 180))

    assert small >= 90
    assert large <= 2 * small + 8


def expanded(
    selections: SelectionSetNode, fragments: dict[str, SelectionSetNode]
) -> list[FieldNode]:
    """Return the fields of a selection set, by opening every spread anew."""
    found = []
    for each in selections.selections:
        if isinstance(each, FieldNode):
            found.append(each)
        else:
            is_spread = isinstance(each, FragmentSpreadNode)
            inner = fragments[each.name.value] if is_spread else each.selection_set
            found += expanded(inner, fragments)
    return found


def naive(selections: SelectionSetNode, fragments: dict[str, SelectionSetNode]) -> list[int]:
    """Return depth, aliases and widest set, by walking all that the document stands for."""
    fields = expanded(selections, fragments)
    below = [naive(each.selection_set, fragments) for each in fields if each.selection_set]
    return [
        1 + max((depth for depth, _, _ in below), default=0),
        sum(each.alias is not None for each in fields) + sum(count for _, count, _ in below),
        max([len(fields), *(width for _, _, width in below)]),
    ]


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Draw a document whose fragments spread only later ones, so that it can be expanded."""
    count = draw(st.integers(0, 4))

    def selection(after: int, depth: int) -> str:
        kinds = ["field", "aliased"] + (["spread"] if after < count else [])
        kinds += ["object", "inline"] if depth < 3 else []
        match draw(st.sampled_from(kinds)):
            case "field":
                return "a"
            case "aliased":
                return "b: a"
            case "spread":
                return f"...F{draw(st.integers(after, count - 1))}"
            case "object":
                return f"o {selections(after, depth + 1)}"
            case _:
                return f"... {selections(after, depth + 1)}"

    def selections(after: int, depth: int) -> str:
        some = draw(st.integers(1, 3))
        return "{ " + " ".join(selection(after, depth) for _ in range(some)) + " }"

    parts = [selections(0, 0)]
    parts += [f"fragment F{number} on Q {selections(number + 1, 0)}" for number in range(count)]
    return " ".join(draw(st.permutations(parts)))


@given(documents())
def test_the_figures_are_those_of_the_expanded_document(text: str) -> None:
    """For every document: as if all spreads had been opened where they stand."""
    document = parse(text)
    parts = {getattr(node.name, "value", None): node.selection_set for node in document.definitions}
    root = parts.pop(None)
    depth, aliases, width = naive(root, parts)
    written = text.count("b: a")
    widest = max([width, *(naive(each, parts)[2] for each in parts.values())])

    shape = measured(document)

    assert [depth, max(aliases, written), widest] == [shape.depth, shape.aliases, shape.fields]
    assert len(expanded(root, parts)) == shape.root_fields
