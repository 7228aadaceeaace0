"""What records say of their own values is true of every instance of exactly their class."""

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import casegraph
from casegraph.errors import ContractViolation
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.customer_cases.records import CustomField
from casegraph.upstreams.declared import HELD, as_declared
from casegraph.upstreams.decode import Id, Instant, Record, Shape, Where
from support.record_samples import SAMPLES, nodes, replaced

WHERE = Where("somebody", "thing")
ROOT = Path(casegraph.__file__).parent
TEXT, MAYBE_TEXT = frozenset({str}), frozenset({str, NoneType})
WRONG = (7, -0.5, True, None, "", "c4n4ry", [], ["c4n4ry"], {}, {"id": 1})
EACH = pytest.mark.parametrize(("kind", "sample"), SAMPLES.values(), ids=SAMPLES)


def told_of(kind: type) -> dict[str, frozenset[type]]:
    """Return what a class itself says."""
    found: dict[str, frozenset[type]] = vars(kind).get(HELD, {})
    return found


def below(kind: type) -> Iterator[type]:
    """Return a class and all below it."""
    yield kind
    for each in kind.__subclasses__():
        yield from below(each)


@cache
def marked() -> tuple[type, ...]:
    """Return all classes of the product that say what they hold."""
    product = (each for each in below(Record) if each.__module__.startswith("casegraph."))
    return tuple(each for each in product if HELD in vars(each))


def records(value: Any) -> Iterator[Any]:
    """Return every record in a value."""
    if isinstance(value, msgspec.Struct):
        yield value
        value = tuple(getattr(value, name) for name in value.__struct_fields__)
    if isinstance(value, tuple):
        for each in value:
            yield from records(each)


def lies(value: Any) -> list[str]:
    """Return the fields of all records in a value that hold what their class denies."""
    return [
        f"{type(record).__name__}.{name}"
        for record in records(value)
        for name, classes in told_of(type(record)).items()
        if type(getattr(record, name)) not in classes
    ]


@as_declared(but=("stamped",))
class Sample(Record, frozen=True):
    """Has every kind of field."""

    key: Id
    name: str | None = None
    is_in: bool = False
    is_out: bool | None = None
    share: float | None = None
    number: int = 0
    at: Instant | None = None
    kind: am.ProgramListType = am.ProgramListType.UNKNOWN
    maybe: str | am.Told = msgspec.UNSET
    either: str | bool | None = None
    any_text: str | float | None = None
    rows: tuple[am.User, ...] = ()
    user: am.User | None = None
    stamped: str = ""


def test_it_is_said_of_plain_text_and_booleans_only() -> None:
    """Of what may be of any other class nothing is said, nor of what is left out."""
    assert told_of(Sample) == {
        "key": TEXT,
        "name": MAYBE_TEXT,
        "is_in": frozenset({bool}),
        "is_out": frozenset({bool, NoneType}),
        "either": frozenset({str, bool, NoneType}),
    }


def test_it_is_not_said_of_the_classes_below() -> None:
    """A class that holds errors, or copies of what does, has said nothing."""
    below_it = msgspec.defstruct("Below", [], bases=(Sample,))

    assert told_of(below_it) == {}


@EACH
def test_it_is_true_of_what_kept_its_contract(kind: Any, sample: Any) -> None:
    """On both ways of reading."""
    body = json.dumps(sample).encode()

    assert lies(Shape[Any](kind).read_strictly(body)) == []
    assert lies(Shape[Any](kind).convert(sample, WHERE)) == []


def test_samples_have_all_that_say_something() -> None:
    """So no class is left out here, but the one that a client makes by hand."""
    read = [Shape[Any](kind).convert(sample, WHERE) for kind, sample in SAMPLES.values()]
    met = {type(record) for each in read for record in records(each)}

    assert {each for each in marked() if each not in met} == {CustomField}
    assert len(marked()) > 20


@EACH
def test_it_is_true_of_what_broke_its_contract(kind: Any, sample: Any) -> None:
    """Whatever stands in whichever place, records of exactly these classes hold none of it."""
    shape = Shape[Any](kind)
    for path, _ in nodes(sample):
        for wrong in WRONG:
            assert lies(read(shape, replaced(sample, path, wrong))) == []


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(data=st.data(), name=st.sampled_from(sorted(SAMPLES)))
def test_it_is_true_of_bodies_with_anything_anywhere(data: Any, name: str) -> None:
    """Several values of a sample replaced by any JSON."""
    kind, sample = SAMPLES[name]
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([path for path, _ in nodes(sample)]))
        sample = replaced(sample, path, data.draw(ANYTHING))
        if not isinstance(sample, dict | list) or not sample:
            return
    assert lies(read(Shape[Any](kind), sample)) == []


def read(shape: Shape[Any], body: Any) -> Any:
    """Return a body as it is read; nothing where no part can be saved."""
    try:
        return shape.read(json.dumps(body).encode(), WHERE)
    except ContractViolation:
        return None


@cache
def calls() -> list[tuple[str, ast.Call]]:
    """Return all calls in the product, each with its module."""
    return [
        (str(path.relative_to(ROOT)), node)
        for path in sorted(ROOT.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
    ]


def called(node: ast.Call) -> str:
    """Return the last name of what is called."""
    return ast.unparse(node.func).rpartition(".")[2]


def test_what_is_stamped_is_not_told_of() -> None:
    """Stamps come from requests, and ids in paths are texts of a class of their own."""
    stamped = {
        node.args[1].value
        for _, node in calls()
        if called(node) in {"force_setattr", "stamp"}
        and len(node.args) == 3
        and isinstance(node.args[1], ast.Constant)
    }

    assert stamped >= {"hub_id", "detailed", "asked_case_id", "asked_customer_id"}
    with_stamps = {kind for kind in marked() if not stamped.isdisjoint(told_of(kind))}
    assert with_stamps == {am.Hub}  # which is told its own id, and not stamped


def test_who_makes_such_records_by_hand_is_known() -> None:
    """Each of these takes its texts from a body: text of another class would be a lie."""
    names = {kind.__name__ for kind in marked()}
    imports = {
        (str(path.relative_to(ROOT)), alias.asname or alias.name)
        for path in sorted(ROOT.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and f"{node.module}".endswith(".records")
        for alias in node.names
        if alias.name in names
    }
    made = {
        (module, called(node))
        for module, node in calls()
        if (module, ast.unparse(node.func)) in imports
        or (module.endswith("records.py") and called(node) in names)
        or ast.unparse(node.func).partition(".")[0] in {"am", "cr", "cc", "ra", "rt", "records"}
    }

    assert {each for each in made if each[1] in names} == {
        ("upstreams/case_reviews/records.py", "Review"),
        ("upstreams/case_reviews/records.py", "Reviewer"),
        ("upstreams/customer_cases/client.py", "CustomField"),
    }
