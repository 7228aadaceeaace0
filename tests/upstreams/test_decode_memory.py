"""What is read must go when it is dropped, though the collector does not know sound records.

A record that holds an error can be part of a cycle: whoever raises the error puts its frame, and
in it the record, into the error's traceback. So every spot of every sample is spoilt here in turn.
Invariant: it is the errors that are counted, for nothing else in a cycle can be watched.
"""

import gc
import json
import weakref
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from casegraph.errors import ContractViolation
from casegraph.upstreams.decode import Record, Shape, Where
from support.record_samples import SAMPLES, nodes, replaced

WHERE = Where("somebody", "thing")
EACH = pytest.mark.parametrize(("kind", "sample"), SAMPLES.values(), ids=SAMPLES)
WRONG = ["c4n4ry"]


@pytest.fixture
def counted_only() -> Iterator[None]:
    """Let nothing be freed but by its count of references."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def spoilt(kind: Any, sample: Any) -> Iterator[Any]:
    """Read a sample once for each of its spots, with a wrong value there; skip what is refused."""
    shape: Shape[Any] = Shape(kind)
    for path, member in nodes(sample):
        wrong = 7 if isinstance(member, list) else WRONG
        try:
            yield shape.read(json.dumps(replaced(sample, path, wrong)).encode(), WHERE)
        except ContractViolation:
            continue


def records(value: Any) -> Iterator[Any]:
    """Find every record in a value, the outer ones first."""
    members = value if isinstance(value, tuple) else ()
    if isinstance(value, msgspec.Struct):
        yield value
        members = tuple(getattr(value, name) for name in value.__struct_fields__)
    for member in members:
        yield from records(member)


def errors(value: Any) -> Iterator[ContractViolation]:
    """Find every error in a value."""
    for record in records(value):
        for name in record.__struct_fields__:
            member = getattr(record, name)
            if isinstance(member, ContractViolation):
                yield member


def raise_from(record: Any, error: ContractViolation) -> None:
    """Raise an error as a resolver does, which has the record in its frame."""
    assert isinstance(record, msgspec.Struct | tuple)
    raise error


@EACH
def test_the_collector_does_not_know_what_keeps_its_contract(kind: Any, sample: Any) -> None:
    """Sound records cost it nothing, and pages of them do not bring its next round nearer."""
    body = json.dumps(sample).encode()
    for read in (Shape(kind).read_strictly(body), Shape(kind).convert(sample, WHERE)):
        found = list(records(read))
        assert found
        assert all(isinstance(each, Record) for each in found)
        assert not any(each.__struct_config__.gc or gc.is_tracked(each) for each in found)


@EACH
def test_the_collector_knows_all_that_leads_to_an_error(kind: Any, sample: Any) -> None:
    """From the outermost record to the one with the error; what stands beside it stays unknown."""
    for read in spoilt(kind, sample):
        for record in records(read):
            assert record.__struct_config__.gc is any(errors(record))


@EACH
@pytest.mark.usefixtures("counted_only")
def test_a_spoilt_body_goes_when_it_is_dropped(kind: Any, sample: Any) -> None:
    """An error in a record leads neither to the frames that read the body nor to the body."""
    for read in spoilt(kind, sample):
        for error in errors(read):
            assert (error.__traceback__, error.__context__, error.__cause__) == (None,) * 3
        alive = [weakref.ref(error) for error in errors(read)]
        del read
        error = None  # type: ignore[assignment]  # the loop's own hold on the last
        assert [ref for ref in alive if ref() is not None] == []


@EACH
def test_a_spoilt_body_goes_when_its_errors_have_been_raised(kind: Any, sample: Any) -> None:
    """Each error is raised, twice, in a frame that holds the record; then all is dropped."""
    alive = []
    for read in spoilt(kind, sample):
        for error in errors(read):
            for holder in (read, *records(read)):
                with pytest.raises(ContractViolation):
                    raise_from(holder, error)
            alive.append(weakref.ref(error))
    read = error = holder = None
    gc.collect()
    assert [ref for ref in alive if ref() is not None] == []
