"""The writable part of a case, its version, and what is told of a difference."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import ContractViolation, InvalidArgument
from casegraph.writing.documents import Document
from casegraph.writing.fields import (
    GROUPS,
    Snapshot,
    check_version,
    differences_by_group,
    differing,
    differing_groups,
    readable,
    snapshot_of,
    version_of,
)

snapshots = st.dictionaries(
    st.sampled_from([*GROUPS[:4], "listValues.status.1", "listValues.custom.1", "roles.1"]),
    st.integers(0, 3) | st.text(max_size=3) | st.just({"itemId": "1"}),
)


def part(**members: Any) -> Snapshot:
    """Return the writable part of a case of these members."""
    text = msgspec.json.encode({"id": 1, **members})
    return snapshot_of(Document(msgspec.json.decode(text, type=dict[str, msgspec.Raw])).case("96"))


@given(snapshots, snapshots)
def test_versions_are_equal_exactly_where_the_parts_are(one: Snapshot, other: Snapshot) -> None:
    """And two versions alone tell which groups differ."""
    same = not differing(one, other)
    assert (version_of(one) == version_of(other)) is same
    groups = {field.partition(".")[0] for field in differing(one, other)}
    assert set(differing_groups(version_of(one), version_of(other))) == groups
    assert check_version(version_of(one)) == version_of(one)


def test_order_and_empty_roles_make_no_difference() -> None:
    """The vendor may print its arrays in any order, and a role without people is no role."""
    first = part(
        listValues=[{"listId": 1, "id": 2, "type": "status"}, {"listId": 3, "id": 4}],
        roles=[{"id": 5, "users": [{"id": 10}, {"id": 9}]}, {"id": 6, "users": []}],
    )
    second = part(
        listValues=[{"listId": 3, "id": 4}, {"listId": 1, "id": 2, "type": "status"}],
        roles=[{"id": 5, "users": [{"id": 9, "userName": "x"}, {"id": 10}]}],
    )

    assert version_of(first) == version_of(second)
    assert first["roles.5"] == ["9", "10"]


def test_forms_of_one_value_make_no_difference() -> None:
    """40 and 40.0, an offset and its moment in UTC, null and nothing are the same."""
    assert part(cost=40, dateDue="2026-01-01T12:00:00+02:00", name=None) == part(
        cost=40.0, dateDue="2026-01-01 10:00:00-00:00"
    )


@pytest.mark.parametrize("text", ["", "v1.", "v2." + "A" * 64, "v1." + "A" * 63, "v1.\u00e9", "x"])
def test_what_is_no_version_is_refused(text: str) -> None:
    """A version is never taken apart before its form is sure."""
    with pytest.raises(InvalidArgument):
        check_version(text)


def test_an_unreadable_part_has_no_version_and_is_no_difference() -> None:
    """A version over something nobody could read would promise too much."""
    text = msgspec.json.encode({"id": 1, "name": "a", "roles": 5})
    case = Document(msgspec.json.decode(text, type=dict[str, msgspec.Raw])).case("96")

    with pytest.raises(ContractViolation):
        readable(case)
    assert differing(snapshot_of(case), snapshot_of(case)) == ()


def test_a_group_is_told_whole_where_its_former_values_are_unknown() -> None:
    """All items under it, and that the expected ones are not known."""
    actual = {"listValues.status.1": {"itemId": "2"}, "name": "a"}
    (found,) = differences_by_group(["listValues"], actual, actual, ["listValues.status.1"])

    assert found.actual == {"status.1": {"itemId": "2"}}
    assert (found.is_expected_known, found.is_requested) == (False, True)
