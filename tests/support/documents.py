"""Documents put together from parts, to be changed at random: each part so many times.

In a part `{i}` is the number of its repetition and `{j}` the next one, so that parts can differ,
spread each other and name variables.
Invariant: what is written has balanced brackets, whatever parts there are.
"""

import random
from typing import TypeAlias

Genome: TypeAlias = dict[str, list[tuple[str, int]]]
"""The parts of each section, each with how often it stands there."""

PARTS = {
    "variables": [
        "$v{i}: ID ",
        "$n{i}: Int = {i} ",
        '$l{i}: [ID!] = ["a", "b"] ',
        '$f{i}: CaseFilter = { statusItemIds: ["1"], isClosed: true } ',
        "$s{i}: [[[ID]]] ",
        "$v0: ID @skip(if: true) ",
    ],
    "case": [
        "id ",
        "id name cost isClosed ",
        "a{i}: name ",
        "nam{i} ",
        "__typename ",
        "# c\n",
        "status { itemId } ",
        "notes { nodes { id text } } ",
        "notes { totalCount } ",
        'notes(first: 1, after: "a", includeSystem: true) { totalCount } ',
        "notes { nodes { case { notes { nodes { case { id } } } } } } ",
        "notes { ...C } ",
        "notes { nodes { ...N{i} } } ",
        "... { id } ",
        "... on Case { id name } ",
        "... on Node { id } ",
        "...F{i} ",
        "...F0 ",
        "...G{i} ",
        "name @skip(if: false) ",
        "name @include(if: $b{i}) ",
        "dataField(questionName: $v{i}) { name } ",
        'dataField(questionName: "{i}") { name } ',
        'a{i}: dataField(questionName: "{i}") { name } ',
        'dataFields(questionNames: ["a" "b" "c" "d" "e" "f"]) { name } ',
        "roles { users { userName isActive userId } role { name } } ",
        "reviews { edges { node { answers { label value } assignee { fullName } } } } ",
        "customerCases { interactions { author { name } } } ",
    ],
    "roots": [
        "__typename ",
        "nop{i} ",
        'r{i}: node(id: "{i}") { id } ',
        "node(id: $v{i}) { id } ",
        "nodes(ids: [$v{i}]) { id ... on Case { name } ... on Note { text } } ",
        'cases(hubId: 1, filter: { statusItemIds: ["1"], isClosed: true }) { nodes { id } } ',
        "...Q{i} ",
        "... on Query { __typename } ",
        "__schema { types { name fields { name type { name ofType { name } } } } } ",
    ],
    "values": ['"x" ', "1 ", "$v{i} ", "{ a: 1 } ", '["x"] ', "null ", "ENUM ", "1.5 ", "true "],
    "definitions": [
        "fragment F{i} on Case { id } ",
        "fragment F{i} on Case { ...F{j} } ",
        "fragment F{i} on Case { ...F{j} ...G{j} } ",
        "fragment F{i} on Case { notes { nodes { id } } ...F{j} } ",
        "fragment G{i} on Case { id name cost } ",
        "fragment G{i} on Case { a: cost notes { nodes { text } } } ",
        "fragment Q{i} on Query { __typename } ",
        "fragment Q{i} on Query { ...Q{j} } ",
        "fragment X{i} on Case { ...X{j} ...X0 } ",
        "fragment C on NoteConnection { totalCount nodes { id } } ",
        "fragment N{i} on Note { id text } ",
        "query O{i} { __typename } ",
        "query O{i}($v{i}: ID) { ...Q0 } ",
        "query O{i} { case(hubId: 1, caseId: 1) { ...F0 ...G0 } } ",
    ],
}
_TIMES = (1, 3, 10, 20, 50, 100, 190)


def written(genome: Genome) -> str:
    """Return the document."""

    def section(name: str) -> str:
        return "".join(
            part.replace("{i}", str(number)).replace("{j}", str(number + 1))
            for part, times in genome[name]
            for number in range(times)
        )

    variables, case, values = section("variables"), section("case"), section("values")
    return (
        "query M"
        + (f"({variables})" if variables else "")
        + " { "
        + (f'case(hubId: "1", caseId: "2") {{ {case} }} ' if case else "")
        + (f"n: nodes(ids: [{values}]) {{ id }} " if values else "")
        + section("roots")
        + "__typename } "
        + section("definitions")
    )


def changed(chance: random.Random, genome: Genome) -> Genome:
    """Return another document: some part more, less, oftener, rarer or in place of another."""
    new = {name: list(parts) for name, parts in genome.items()}
    for _ in range(chance.randint(1, 3)):
        name = chance.choice(list(PARTS))
        parts = new[name]
        kind = chance.randrange(5)
        if not parts or kind == 0:
            place = chance.randint(0, len(parts))
            parts.insert(place, (chance.choice(PARTS[name]), chance.choice(_TIMES)))
            continue
        place = chance.randrange(len(parts))
        part, times = parts[place]
        if kind == 1:
            parts.pop(place)
        elif kind == 2:
            parts[place] = (part, max(1, int(times * chance.choice([0.5, 0.8, 0.9, 1.1, 1.25, 2]))))
        elif kind == 3:
            parts[place] = (chance.choice(PARTS[name]), times)
        else:
            parts[place] = (part, max(1, times + chance.randint(-3, 3)))
    return new
