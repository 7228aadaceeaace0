"""How a caller of the simulated tenant bends an answer: fields, include, case, empty, flat (§2.8).

A resource is its full set of fields; what is printed of it depends on the arguments. A linked
resource prints as a reference, grows with a nested selection (`+team(+title)`), and is printed in
full when `include` names its type, in place or, in flat mode, under `resources`.
Invariant: names are read in any of the three spellings and kept in snake case inside; renaming is
the last step. A raw `+` in a URL is a space, so `fields=+tags` narrows: the vendor's own trap.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from starlette.requests import Request

from casegraph.upstreams.ratings.simulator_answers import Refusal

_DEEPEST = 8
"""Levels of nesting read in `fields`; the vendor's resources have three."""
_ALL = "*"
_ITEM = re.compile(r"([+-]?)\s*([A-Za-z_]+|\*)\s*(?:\((.*)\))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource's fields; those in `on_request` are printed only when `fields` asks."""

    fields: Mapping[str, Any]
    on_request: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Linked:
    """A resource in another one: what stands there by default, and what is behind it."""

    kind: str
    id: int
    reference: Mapping[str, Any]
    full: Callable[[], Resource]


@dataclass
class Selection:
    """One level of the `fields` argument."""

    only: set[str] = field(default_factory=set)
    plus: set[str] = field(default_factory=set)
    minus: set[str] = field(default_factory=set)
    nested: dict[str, "Selection"] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, depth: int = 1) -> Self:
        """Read `a,+b(+c),-d,*`; raises FIELD_INVALID for unbalanced or too deep parentheses."""
        selection = cls()
        for part in _split(text):
            match = _ITEM.fullmatch(part)
            if match is None or depth > _DEEPEST:
                raise Refusal("FIELD_INVALID", "fields")
            sign, name, inner = match[1], snake(match[2]), match[3]
            {"+": selection.plus, "-": selection.minus}.get(sign, selection.only).add(name)
            if inner is not None:
                selection.nested[name] = cls.parse(inner, depth + 1)
        return selection

    def chosen(self, present: Iterable[str], usual: Iterable[str]) -> list[str]:
        """Return the names to print, in the order of the resource."""
        if _ALL in self.only or _ALL in self.plus:
            base = set(present)
        else:
            base = {"id", *self.only} if self.only else set(usual)
        wanted = (base | self.plus) - self.minus
        return [name for name in present if name in wanted]

    def under(self, name: str) -> "Selection | None":
        """Return the selection for one field's own fields."""
        return self.nested.get(name) or self.nested.get(_ALL)


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if depth < 0:
            break
        if char == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    if depth != 0:
        raise Refusal("FIELD_INVALID", "fields")
    return [part.strip() for part in (*parts, text[start:]) if part.strip()]


@dataclass
class Shape:
    """The shaping arguments of one call."""

    selection: Selection | None = None
    include: frozenset[str] = frozenset()
    spelling: str = "snake"
    keep_empty: bool = True
    flat: bool = False
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What flat mode moved out of the data, filled while printing."""

    @classmethod
    def read(cls, request: Request) -> Self:
        """Read the arguments and X-Options; raises FIELD_INVALID for a bad one."""
        query = request.query_params
        options = {word.strip() for word in request.headers.get("x-options", "").split(",")}
        spelling = query.get("_case", "snake")
        if spelling not in _SPELLINGS:
            raise Refusal("FIELD_INVALID", "_case")
        fields = query.get("fields", "").strip()
        names = (name.strip() for name in query.get("include", "").split(","))
        return cls(
            selection=Selection.parse(fields) if fields else None,
            include=frozenset(snake(name) for name in names if name),
            spelling=spelling,
            keep_empty=query.get("_empty") != "false" and "no_empty" not in options,
            flat=query.get("_flat") == "true" or "flat" in options,
        )

    def show(self, resource: Resource) -> dict[str, Any]:
        """Return the printed form of a resource, in snake case."""
        return self._show(resource, self.selection)

    def finish(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the whole body with empty values dropped and names respelled, as asked."""
        if self.flat and "data" in body:
            body = {**body, "resources": self.resources}
        if not self.keep_empty:
            body = {
                key: _without_empty(value) if key in {"data", "resources"} else value
                for key, value in body.items()
            }
        return body if self.spelling == "snake" else _respelled(body, _SPELLINGS[self.spelling])

    def _show(self, resource: Resource, selection: Selection | None) -> dict[str, Any]:
        usual = [name for name in resource.fields if name not in resource.on_request]
        names = selection.chosen(resource.fields, usual) if selection else usual
        return {
            name: self._value(resource.fields[name], selection.under(name) if selection else None)
            for name in names
        }

    def _value(self, value: Any, selection: Selection | None) -> Any:
        if isinstance(value, Linked):
            return self._linked(value, selection)
        if isinstance(value, dict) and selection:
            return {name: value[name] for name in selection.chosen(value, value)}
        return value

    def _linked(self, linked: Linked, selection: Selection | None) -> dict[str, Any]:
        expanded = _ALL in self.include or linked.kind in self.include
        if not expanded and selection is None:
            return dict(linked.reference)
        full = linked.full()
        if expanded and self.flat:
            self.resources.setdefault(linked.kind, {})[str(linked.id)] = self._show(full, selection)
            return dict(linked.reference)
        if expanded:
            return self._show(full, selection)
        hidden = frozenset(full.fields) - frozenset(linked.reference)
        return self._show(Resource({**linked.reference, **full.fields}, hidden), selection)


def snake(name: str) -> str:
    """Return a name of any spelling in snake case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _pascal(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _camel(name: str) -> str:
    pascal = _pascal(name)
    return pascal[:1].lower() + pascal[1:]


_SPELLINGS: dict[str, Callable[[str], str]] = {"snake": snake, "camel": _camel, "pascal": _pascal}


def _respelled(value: Any, spell: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_respelled(item, spell) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        spell(key): spell(item)
        if key in {"resource", "resource_type"} and isinstance(item, str)
        else _respelled(item, spell)
        for key, item in value.items()
    }


def _without_empty(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_empty(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_empty(item) for key, item in value.items() if item is not None and item != []
    }
