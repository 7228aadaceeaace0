"""A schema of interfaces and unions, told apart in every way there is, and of lists of lists.

Some types tell their values by looking at them, some leave it to strawberry, one is asynchronous;
one interface resolves by the value. Attributes may be read from mappings too.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry.schema.config import StrawberryConfig

from engine.differential.carriers import kind_of
from engine.differential.computed import Mode, computed
from engine.differential.odd_values import Turn


@strawberry.enum
class Color(Enum):
    """What things may look like; two members have one name in common with a value."""

    RED = "red"
    GREEN = "RED"
    BLUE = 3


@strawberry.interface
class Being:
    """Anything alive; its kind is asked of every type."""

    name: str
    nick: str | None
    color: Color | None
    parent: Annotated["Being", strawberry.lazy("engine.differential.schema_animals")] | None
    age = computed("Being.age", int | None, {"in_years": (bool, True)})


@strawberry.interface
class Pet(Being):
    """A being that is kept; the value itself says which, and where it is asked counts too."""

    owner: Annotated["Person", strawberry.lazy("engine.differential.schema_animals")] | None

    @classmethod
    def resolve_type(cls, value: Any, info: Any, _kind: object) -> Any:
        """Return what the value says it is, whatever that is."""
        found = kind_of(value)
        if found == "Stone":
            raise LookupError(f"no pet at {info.path.as_list()} of {info.path.typename}")
        return found


@strawberry.interface
class Marked:
    """An interface that leaves all to strawberry."""

    mark: str | None


@strawberry.type
class Dog(Pet):
    """Told by looking at it."""

    barks: bool
    sizes: list[list[int | None]] | None
    friends = computed("Dog.friends", list[Being] | None, {"first": (int, 3)}, mode=Mode.ASYNC)

    @classmethod
    def is_type_of(cls, value: Any, info: Any) -> bool:
        """Tell by what it says, if it says anything."""
        if kind_of(value) is None:
            raise LookupError(f"of no kind at {info.path.as_list()} of {info.parent_type}")
        return bool(kind_of(value) == "Dog")


@strawberry.type
class Cat(Pet, Marked):
    """Told by looking at it, late."""

    lives: int
    prey: list[Annotated["Thing", strawberry.lazy("engine.differential.schema_animals")]] | None
    rival = computed("Cat.rival", Pet | None, mode=Mode.BATCH)

    @classmethod
    async def is_type_of(cls, value: Any, _info: object) -> bool:
        """Tell by what it says, when it is its turn."""
        await Turn()
        return bool(kind_of(value) == "Cat")


@strawberry.type
class Person(Being):
    """Told by its class or by what it says."""

    email: str | None
    name: str
    pets = computed("Person.pets", list[Pet | None], {"color": (Color | None, None)})
    kin = computed("Person.kin", list[list[Being]] | None, mode=Mode.BATCH_ALONE)

    @classmethod
    def is_type_of(cls, value: Any, _info: object) -> bool:
        """Tell by class or by what it says."""
        return isinstance(value, cls) or bool(kind_of(value) == "Person")


@strawberry.type
class Stone(Marked):
    """Left to strawberry, that is to its own class."""

    weight: float | None
    marks: list[list[list[str]] | None] | None


@strawberry.type
class Leaf(Marked):
    """Left to strawberry too."""

    weight: float
    tree: Annotated["Thing", strawberry.lazy("engine.differential.schema_animals")] | None


@strawberry.type
class Spot:
    """Of no interface; of whatever class its values are."""

    x: int
    y: int | None
    beings: list[Being | None] | None


Thing = Annotated[Dog | Stone | Leaf | Person, strawberry.union("Thing")]
Rock = Annotated[Stone | Leaf, strawberry.union("Rock")]


@strawberry.type
class Query:
    """The root; it has no value."""

    being = computed("Query.being", Being | None, {"id": strawberry.ID}, mode=Mode.EITHER)
    beings = computed("Query.beings", list[Being], {"first": (int, 3)}, mode=Mode.ASYNC)
    pet = computed("Query.pet", Pet, mode=Mode.SYNC)
    pets = computed("Query.pets", list[Pet] | None, {"color": (Color, Color.RED)}, mode=Mode.BATCH)
    marked = computed("Query.marked", list[Marked | None] | None)
    rock = computed("Query.rock", Rock | None)
    things = computed("Query.things", list[Thing] | None, mode=Mode.EITHER)
    grid = computed("Query.grid", list[list[Spot | None]] | None)
    cube = computed("Query.cube", list[list[list[Thing]] | None] | None, mode=Mode.ASYNC)
    spot = computed("Query.spot", Spot | None)
    person = computed("Query.person", Person | None, mode=Mode.BATCH_ALONE)


def _read(source: Any, name: str) -> Any:
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name)


def build() -> strawberry.Schema:
    """Return the schema."""
    config = StrawberryConfig(default_resolver=_read)
    return strawberry.Schema(Query, types=[Dog, Cat, Person, Stone, Leaf, Spot], config=config)
