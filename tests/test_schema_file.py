"""The schema's text: the file, what a reader learns from it, and its order."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    SKIP,
    GraphQLNamedType,
    GraphQLScalarType,
    GraphQLSchema,
    Visitor,
    is_introspection_type,
    is_specified_scalar_type,
    parse,
    validate_schema,
    visit,
)
from graphql import build_schema as build_from_text

from casegraph.graph.printing import in_reading_order
from casegraph.graph.schema import build_schema, sdl

FILE = Path(__file__).parents[1] / "schema.graphql"


@pytest.fixture(scope="module")
def text() -> str:
    """Return the text as the code prints it."""
    return sdl(build_schema())


@pytest.fixture(scope="module")
def schema(text: str) -> GraphQLSchema:
    """Return the schema as a client's tools see it."""
    return build_from_text(text)


def own_types(schema: GraphQLSchema) -> list[GraphQLNamedType]:
    """Return the types that this schema declares."""
    return [
        each
        for each in schema.type_map.values()
        if not is_introspection_type(each) and not is_specified_scalar_type(each)
    ]


def test_the_file_is_what_the_code_prints(text: str) -> None:
    """schema.graphql is never edited: `casegraph schema > schema.graphql` makes it."""
    assert FILE.read_text("utf-8") == text


def test_printing_twice_gives_the_same_text(text: str) -> None:
    """The order does not depend on the run."""
    assert sdl(build_schema()) == text


def test_other_tools_accept_the_schema(schema: GraphQLSchema) -> None:
    """graphql-core builds the schema from its text and finds no fault with it."""
    assert validate_schema(schema) == []


def described(text: str) -> Iterator[tuple[str, str | None]]:
    """Return everything that can carry a description, by line and name, with its description."""
    found = []

    class Collector(Visitor):
        def enter(self, node: Any, *_: Any) -> Any:
            if "description" in node.keys:
                said = node.description.value if node.description else None
                found.append((f"{node.loc.start_token.line} {node.name.value}", said))
            # A directive's own description speaks for its arguments.
            return SKIP if node.kind == "directive_definition" else None

    visit(parse(text), Collector())
    return iter(found)


def test_everything_has_a_description(text: str) -> None:
    """Types, fields, arguments, input fields, enum values and directives are explained."""
    found = dict(described(text))

    assert len(found) > 200
    assert [name for name, said in found.items() if not (said or "").strip()] == []


def test_descriptions_are_sentences(text: str) -> None:
    """A description ends as a sentence does."""
    unfinished = [
        name for name, said in described(text) if not (said or "").rstrip(")").endswith(".")
    ]

    assert unfinished == []


def test_scalars_say_which_standard_they_follow(schema: GraphQLSchema) -> None:
    """Every scalar of ours has a `@specifiedBy` address."""
    scalars = [each for each in own_types(schema) if isinstance(each, GraphQLScalarType)]

    assert sorted(each.name for each in scalars) == ["Date", "DateTime", "JSON", "Secret"]
    assert [each.name for each in scalars if not each.specified_by_url] == []


def definitions(text: str) -> list[str]:
    """Return the names of a schema's definitions in the order of its text."""
    return re.findall(
        r"^(?:type|interface|input|enum|scalar|directive) (@?\w+)", text, re.MULTILINE
    )


def test_questions_come_first_and_scalars_last(text: str) -> None:
    """A reader meets the questions, then the things with an identity, then everything else."""
    names = definitions(text)
    things = ["Query", "Node", "Case", "Note", "ProgramList", "Role", "ReviewEntry", "Rating"]

    assert [name for name in names if name in things] == things
    assert names[0] == "Query"
    assert names[1] == "Mutation"
    directives = ["@defer", "@freshness", "@oneOf", "@requiresScope", "@semanticNonNull", "@stream"]
    assert {"DateTime", "Date", "JSON", "Secret"} < set(names[-11:-6])
    assert names[-6:] == directives


def test_parts_stand_behind_the_thing_they_belong_to(text: str) -> None:
    """An enum or a part is found right where it is used."""
    names = definitions(text)
    at = names.index

    assert at("Case") < at("CaseRole") < at("ListValue") < at("Note")
    assert at("ProgramList") < at("ProgramListType") < at("ProgramListItem") < at("Role")
    assert at("ReviewEntry") < at("ReviewStatus") < at("Rating") < at("RatingScore")
    assert at("CustomerCase") < at("Interaction") < at("Author") < at("CaseFilter")
    assert at("CaseFilter") < at("CaseConnection") < at("CaseEdge") < at("NoteConnection")
    assert at("RatingEdge") < at("PageInfo") < at("DateTime")


def test_ordering_keeps_every_definition() -> None:
    """What was printed is there once, in whatever order the code declares it."""
    text = """
type B implements Node { id: ID! c: Colour }

"What B has."
enum Colour { RED }

interface Node { id: ID! }

type Unused { x: Int }

type Mutation { paint(how: Paint): B }

input Paint { colour: Colour amount: [Amount] }

input Amount { x: Int }

directive @mark on FIELD

type Query { b(first: Int): BConnection node: Node bs: [B!] }

type BConnection { nodes: [B] }
"""
    ordered = in_reading_order(build_from_text(text), text)

    expected = ["Query", "Mutation", "Node", "B", "Colour", "Paint", "Amount", "Unused"]
    assert definitions(ordered) == [*expected, "BConnection", "@mark"]
    assert sorted(ordered.split()) == sorted(text.split())
    assert '"What B has."\nenum Colour' in ordered
