"""Random operations that are valid: fragments, aliases, merged keys, directives, variables.

A response key means the same in all of a document: the same field, arguments and type. So selection
sets may be merged in any way and never conflict, which is what keeps nearly all documents valid.
Randomness comes from a `Random`; when that is Hypothesis's, documents shrink.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
)

from engine.differential.inputs import Inputs, is_required, no_variable

_STRANGE = (
    *("class", "None", "True", "import", "lambda", "self", "_", "__x", "__init__", "__class__"),
    *("data", "errors", "path", "run", "v", "w", "p", "e", "r0", "f1", "id", "__proto__", "L"),
    "x" * 120,
)
"""Names that mean something to Python, or may to who writes Python."""

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType


@dataclass(frozen=True)
class Wishes:
    """What operations over a schema should look like."""

    parts_max: int = 36
    depth_max: int = 5
    known: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Values of arguments that mean something to the data, by the argument's name."""
    extra: tuple[str, ...] = ()
    """Directives that may stand at fields, beside those of the specification."""
    left_out: frozenset[str] = frozenset()
    """Fields that are not selected, as `Type.field`."""
    oddities: float = 0.02
    """The chance of introspection and of extra directives."""
    mutations: float = 0.02
    defers: bool = False
    """Whether the schema has @defer, which an executor that answers at once ignores."""


@dataclass(frozen=True)
class Variable:
    """A variable as it is declared."""

    name: str
    type: GraphQLInputType
    default: str | None
    hint: str = ""
    """What its values are known by."""

    def __str__(self) -> str:
        """Print the declaration."""
        return f"${self.name}: {self.type}" + ("" if self.default is None else f" = {self.default}")


@dataclass(frozen=True)
class Document:
    """A text, the names of its operations, and what each declares."""

    text: str
    operations: Mapping[str | None, tuple[Variable, ...]]
    is_aliased: bool
    """Whether a field may be selected twice on one object."""


@dataclass
class _Part:
    """What a piece of text uses, so that operations declare what they reach."""

    variables: set[str] = field(default_factory=set)
    fragments: set[str] = field(default_factory=set)


class OperationMaker:
    """Makes one document."""

    def __init__(self, schema: GraphQLSchema, rng: Random, wishes: Wishes) -> None:
        self._schema = schema
        self._rng = rng
        self._wishes = wishes
        self._inputs = Inputs(rng, wishes.known)
        self._variables: dict[str, Variable] = {}
        self._keys: dict[str, str] = {}
        self._told: dict[tuple[str, str], list[tuple[str, set[str]]]] = {}
        self._fragments: dict[str, tuple[Composite, str, _Part]] = {}
        self._open: list[_Part] = []
        self._parts_left = wishes.parts_max
        # Seldom a document is deep and slender.
        self._depth_max = 30 if rng.random() < 0.04 else wishes.depth_max
        self._is_aliased = False

    def make(self) -> Document:
        """Return a document of one to three operations."""
        rng = self._rng
        count = rng.choices((1, 2, 3), (85, 10, 5))[0]
        names: list[str | None] = [f"Op{number}" for number in range(count)]
        if count == 1 and rng.random() < 0.5:
            names = [None]
        if names[0] is not None and rng.random() < 0.2:
            names[0] = rng.choice(_STRANGE)
        made = [(name, *self._operation()) for name in names]
        texts, operations = [], {}
        for name, kind, body, part in made:
            used = self._reached(part)
            declared = tuple(self._variables[each] for each in sorted(used.variables))
            operations[name] = declared
            head = f"({', '.join(map(str, declared))})" if declared else ""
            is_short = kind == "query" and name is None and not declared
            start = "" if is_short else f"{kind} {name or ''}{head} "
            texts.append(f"{start}{body}")
        texts += [
            f"fragment {name} on {on.name} {body}" for name, (on, body, _) in self._spread(made)
        ]
        if rng.random() < 0.3:
            rng.shuffle(texts)
        return Document("\n".join(texts), operations, self._is_aliased or self._repeats())

    def _repeats(self) -> bool:
        """Return whether one field goes by several keys, by its arguments alone too."""
        return any(len(set(each)) > 1 for each in self._by_field.values())

    @property
    def _by_field(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key, meaning in self._keys.items():
            found.setdefault(meaning.partition("(")[0].partition(":")[0], []).append(key)
        return found

    def _spread(self, made: list[Any]) -> list[tuple[str, tuple[Composite, str, _Part]]]:
        """Return the fragments that any operation reaches; others would be unused."""
        used: set[str] = set()
        for _, _, _, part in made:
            used |= self._reached(part).fragments
        return [(name, each) for name, each in self._fragments.items() if name in used]

    def _reached(self, part: _Part) -> _Part:
        found, left = _Part(set(part.variables), set()), list(part.fragments)
        while left:
            name = left.pop()
            if name in found.fragments:
                continue
            found.fragments.add(name)
            inner = self._fragments[name][2]
            found.variables |= inner.variables
            left += inner.fragments
        return found

    def _operation(self) -> tuple[str, str, _Part]:
        root, kind = self._schema.query_type, "query"
        if self._schema.mutation_type is not None and self._rng.random() < self._wishes.mutations:
            root, kind = self._schema.mutation_type, "mutation"
        if root is None:
            raise TypeError("a schema without queries")
        self._open.append(_Part())
        body = self._selection(root, 0, is_root=kind == "query")
        return kind, body, self._open.pop()

    def _selection(self, on: Composite, depth: int, *, is_root: bool = False) -> str:
        """Return a selection set on a type."""
        rng = self._rng
        sizes = (1, 1, 1, 2, 2) if self._depth_max > self._wishes.depth_max else (1, 2, 3, 4, 6)
        size = rng.choices(sizes, (15, 30, 25, 20, 10))[0]
        parts = [part for part in (self._part(on, depth) for _ in range(size)) if part]
        if is_root and rng.random() < self._wishes.oddities:
            parts.append(
                rng.choice(('__type(name: "Int") { name }', "__schema { queryType { name } }"))
            )
        return "{ " + " ".join(parts or [self._typename()]) + " }"

    def _part(self, on: Composite, depth: int) -> str | None:
        """Return one selection, None where there is no room for what was drawn."""
        chance, is_deep = self._rng.random(), depth >= self._depth_max
        self._parts_left -= 1
        if chance < 0.07 or self._parts_left < 0:
            return self._typename()
        if isinstance(on, GraphQLUnionType) or chance < 0.17:
            return None if is_deep else self._inline(on, depth)
        if chance < 0.27:
            return self._spread_of(on, depth)
        return self._field(on, depth)

    def _typename(self) -> str:
        chosen = self._rng.random()
        key = "__typename" if chosen < 0.6 else self._key("__typename", "", "String!")
        text = key if key == "__typename" else f"{key}: __typename"
        return text + self._directives()

    def _field(self, on: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str | None:
        left_out = self._wishes.left_out
        fields = [
            (name, each) for name, each in on.fields.items() if f"{on.name}.{name}" not in left_out
        ]
        if depth >= self._depth_max:
            fields = [each for each in fields if _is_leaf(each[1]) and not _needs_input(each[1])]
        if not fields:
            return None
        name, chosen = self._rng.choice(fields)
        arguments = self._arguments(on.name, name, chosen)
        key = self._key(name, arguments, str(chosen.type))
        text = (
            (name if key == name else f"{key}: {name}")
            + arguments
            + self._directives(is_field=True)
        )
        inner = get_named_type(chosen.type)
        if isinstance(inner, Composite):
            text += " " + self._selection(inner, depth + 1)
            if self._rng.random() < 0.08:
                # The same key once more: the two selection sets are merged.
                text += f" {name if key == name else f'{key}: {name}'}{arguments} "
                text += self._selection(inner, depth + 1)
        return text

    def _key(self, name: str, arguments: str, kind: str) -> str:
        """Return a response key that means this field, with these arguments, everywhere."""
        meaning = f"{name}{arguments}:{kind}"
        known = [key for key, each in self._keys.items() if each == meaning]
        if known and self._rng.random() < 0.7:
            return self._rng.choice(known)
        if self._rng.random() < 0.75 and self._keys.get(name, meaning) == meaning:
            self._keys[name] = meaning
            return name
        alias = f"a{len(self._keys)}"
        if self._rng.random() < 0.3:
            strange = self._rng.choice(_STRANGE)
            alias = strange if strange not in self._keys else f"{strange}{len(self._keys)}"
        self._keys[alias] = meaning
        self._is_aliased = self._is_aliased or bool(known)
        return alias

    def _arguments(self, on: str, name: str, chosen: Any) -> str:
        """Return arguments in parentheses, or nothing; often some that were given before."""
        if not chosen.args:
            return ""
        told = self._told.setdefault((on, name), [])
        if told and self._rng.random() < 0.5:
            text, variables = self._rng.choice(told)
            self._open[-1].variables |= variables
            return text
        before, self._open[-1].variables = self._open[-1].variables, set()
        parts = [
            f"{key}: {self._inputs.literal(each.type, key, self._variable)}"
            for key, each in chosen.args.items()
            if is_required(each) or self._rng.random() < 0.4
        ]
        if self._rng.random() < 0.2:
            self._rng.shuffle(parts)
        text = f"({', '.join(parts)})" if parts else ""
        told.append((text, set(self._open[-1].variables)))
        self._open[-1].variables |= before
        return text

    def _variable(self, type_: GraphQLInputType, hint: str, *, in_one_of: bool) -> str | None:
        """Return the name of a variable that may stand for a value of the type."""
        rng = self._rng
        bare = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        must = in_one_of or isinstance(type_, GraphQLNonNull)
        fitting = [each for each in self._variables.values() if _fits(each, bare, hint, must=must)]
        if fitting and rng.random() < 0.6:
            chosen = rng.choice(fitting)
        else:
            chosen = self._declared(bare, hint, must=must, is_strict=in_one_of)
        self._open[-1].variables.add(chosen.name)
        return chosen.name

    def _declared(self, bare: Any, hint: str, *, must: bool, is_strict: bool) -> Variable:
        rng, default = self._rng, None
        kind: Any = GraphQLNonNull(bare) if must else bare
        if not is_strict and rng.random() < 0.4:
            default = self._inputs.literal(GraphQLNonNull(bare), hint, no_variable)
            kind = bare if rng.random() < 0.6 else GraphQLNonNull(bare)
        elif not must and rng.random() < 0.3:
            kind = GraphQLNonNull(bare)
        made = Variable(f"v{len(self._variables)}", kind, default, hint)
        self._variables[made.name] = made
        return made

    def _inline(self, on: Composite, depth: int) -> str:
        rng = self._rng
        if rng.random() < 0.2 and not isinstance(on, GraphQLUnionType):
            return f"...{self._directives()} " + self._selection(on, depth + 1)
        target = rng.choice(self._overlapping(on) or [on])
        is_deferred = self._wishes.defers and rng.random() < self._wishes.oddities
        more = " @defer" if is_deferred else self._directives()
        return f"... on {target.name}{more} " + self._selection(target, depth + 1)

    def _spread_of(self, on: Composite, depth: int) -> str | None:
        rng, overlapping = self._rng, self._overlapping(on)
        fitting = [name for name, each in self._fragments.items() if each[0] in overlapping]
        if fitting and rng.random() < 0.6:
            name = rng.choice(fitting)
        elif overlapping and len(self._fragments) < 5 and depth < self._depth_max:
            target = rng.choice(overlapping)
            self._open.append(_Part())
            body = self._selection(target, depth + 1)
            # Named when it is complete, so that no fragment can reach itself.
            name = f"F{len(self._fragments)}"
            self._fragments[name] = (target, body, self._open.pop())
        else:
            return None
        self._open[-1].fragments.add(name)
        return f"...{name}{self._directives()}"

    def _overlapping(self, on: Composite) -> list[Composite]:
        mine = self._possible(on)
        return [
            kind
            for name, kind in sorted(self._schema.type_map.items())
            if isinstance(kind, Composite)
            and not name.startswith("__")
            and not mine.isdisjoint(self._possible(kind))
        ]

    def _possible(self, kind: Composite) -> set[str]:
        if isinstance(kind, GraphQLObjectType):
            return {kind.name}
        return {each.name for each in self._schema.get_possible_types(kind)}

    def _directives(self, *, is_field: bool = False) -> str:
        rng = self._rng
        if rng.random() < 0.85:
            return ""
        names = rng.choice((["skip"], ["include"], ["skip", "include"], ["include", "skip"]))
        text = "".join(f" @{name}(if: {self._condition(name)})" for name in names)
        extra = self._wishes.extra
        if is_field and extra and rng.random() < self._wishes.oddities * 5:
            text += " " + rng.choice(extra)
        return text

    def _condition(self, name: str) -> str:
        if self._rng.random() < 0.5:
            variable = self._variable(GraphQLNonNull(GraphQLBoolean), "", in_one_of=False)
            return f"${variable}"
        likely = name == "include"
        return str(likely if self._rng.random() < 0.7 else not likely).lower()


def values_for(
    declared: tuple[Variable, ...], rng: Random, inputs: Inputs, *, wrong: float = 0.01
) -> dict[str, Any]:
    """Return values for an operation's variables: given, null, left out, seldom wrong."""
    values: dict[str, Any] = {}
    for each in declared:
        if rng.random() < wrong:
            values[each.name] = inputs.wrong()
            continue
        may_lack = each.default is not None or not isinstance(each.type, GraphQLNonNull)
        if may_lack and rng.random() < 0.3:
            continue
        values[each.name] = inputs.json(each.type, each.hint)
    if rng.random() < 0.03:
        values["unknown"] = 1
    return values


def _fits(variable: Variable, bare: Any, hint: str, *, must: bool) -> bool:
    is_strict = isinstance(variable.type, GraphQLNonNull)
    inner = variable.type.of_type if isinstance(variable.type, GraphQLNonNull) else variable.type
    return variable.hint == hint and str(inner) == str(bare) and (is_strict or not must)


def _is_leaf(each: Any) -> bool:
    return isinstance(get_named_type(each.type), GraphQLScalarType | GraphQLEnumType)


def _needs_input(each: Any) -> bool:
    return any(is_required(argument) for argument in each.args.values())
