"""The vendor's document: what is not changed stays byte for byte, whatever it is."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import ContractViolation
from casegraph.upstreams.action_management.records import (
    ProgramList,
    ProgramListItem,
    ProgramListType,
)
from casegraph.upstreams.decode import Id
from casegraph.writing.changes import (
    Change,
    ChangeUsers,
    ClearListValue,
    SetListValue,
    SetMember,
    apply_all,
)
from casegraph.writing.documents import Document, number_of
from casegraph.writing.fields import differing, snapshot_of

ITEMS = tuple(ProgramListItem(Id(str(number))) for number in (11, 12, 13))
STATUS = ProgramList(Id("9423"), "Status", ProgramListType.STATUS, items=ITEMS)
CATEGORY = ProgramList(Id("9425"), "Category", ProgramListType.CATEGORY, items=ITEMS)
CUSTOM = ProgramList(Id("9425"), "Shop", ProgramListType.CUSTOM, items=(ProgramListItem(Id("21")),))
LISTS = (STATUS, CATEGORY, CUSTOM)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
entries = st.fixed_dictionaries(
    {
        "listId": st.sampled_from([9423, 9425, 77]),
        "id": st.sampled_from([11, 12, 21, 99]),
    },
    optional={
        "type": st.sampled_from(["status", "category", "custom", "severity"]),
        "subCategoryId": st.integers(1, 5),
        "unheard": json_values,
    },
)
people = st.fixed_dictionaries({"id": st.integers(1, 9)}, optional={"isActive": st.booleans()})
roles = st.fixed_dictionaries(
    {"id": st.integers(1, 3)}, optional={"users": st.lists(people, max_size=4), "odd": json_values}
)
cases = st.fixed_dictionaries(
    {"id": st.integers(1, 99)},
    optional={
        "name": st.text(max_size=9),
        "cost": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "listValues": st.none() | st.lists(entries, max_size=5),
        "roles": st.none() | st.lists(roles, max_size=3),
        "unknown": json_values,
        "dataFields": json_values,
    },
)
changes = st.one_of(
    st.builds(SetMember, st.just("name"), st.text(min_size=1, max_size=9)),
    st.builds(SetMember, st.just("cost"), st.none() | st.integers(0, 9)),
    st.builds(
        SetListValue,
        st.just(LISTS),
        st.sampled_from([STATUS, CATEGORY]),
        st.sampled_from(ITEMS),
        st.none() | st.sampled_from(["1", "2"]),
        st.booleans(),
    ),
    st.builds(ClearListValue, st.just(LISTS), st.sampled_from([CATEGORY, CUSTOM])),
    st.builds(
        ChangeUsers,
        st.sampled_from(["1", "2", "3"]),
        st.lists(st.sampled_from(["1", "2", "12"]), unique=True, max_size=2).map(tuple),
        st.lists(st.sampled_from(["3", "4"]), unique=True, max_size=2).map(tuple),
    ),
)


def document(value: Any) -> Document:
    """Return a document as it is read off the wire."""
    text = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return Document(msgspec.json.decode(text, type=dict[str, msgspec.Raw]))


def member_of(change: Change) -> str:
    """Return the one member that a change may touch."""
    match change:
        case SetMember(name=name):
            return name
        case ChangeUsers():
            return "roles"
        case _:
            return "listValues"


def raw(found: Document) -> dict[str, bytes]:
    """Return the members as bytes."""
    return {name: bytes(value) for name, value in found.members.items()}


@given(cases, changes)
def test_nothing_but_the_named_member_changes(case: dict[str, Any], change: Change) -> None:
    """Every other member is, byte for byte, what the vendor sent."""
    before = document(case)
    after = change.apply(before)

    touched = member_of(change)
    assert {n: b for n, b in raw(after).items() if n != touched} == {
        n: b for n, b in raw(before).items() if n != touched
    }


@given(cases, st.lists(changes, max_size=3))
def test_applying_twice_is_applying_once(case: dict[str, Any], wanted: list[Change]) -> None:
    """A change says what is to become of the case, so repeating it changes nothing more."""
    for change in wanted:
        once = change.apply(document(case))
        assert raw(change.apply(once)) == raw(once)


@given(cases, changes)
def test_entries_that_are_not_meant_stay_as_they_came(case: dict[str, Any], change: Change) -> None:
    """Other lists' items, other roles and other people are the same objects, in the same order."""
    before, after = document(case), change.apply(document(case))
    name = member_of(change)
    if name not in {"listValues", "roles"}:
        return
    kept, found = ([bytes(each) for each in one.entries(name)] for one in (before, after))
    meant = [each for each in kept if each not in found]
    staying = dict.fromkeys(each for each in kept if each in found)
    assert list(staying) == list(dict.fromkeys(each for each in found if each in kept))
    assert len(found) <= len(kept) + 1
    if isinstance(change, SetListValue | ClearListValue):
        for each in meant:
            entry = msgspec.json.decode(each)
            assert entry.get("type") in {None, change.chosen.type.value}


def test_every_digit_and_every_odd_member_goes_back() -> None:
    """Numbers beyond a double, unknown members and double keys of inner objects are not touched."""
    text = (
        b'{"id": 1, "name": "a", "cost": 12345678901234567.89, "x": {"a": 1, "a": 2},'
        b' "rate": 1.10, "big": 123456789012345678901234567890, "u": "\\u00e9"}'
    )
    after = apply_all(document(text), [SetMember("name", "b")])
    sent = msgspec.json.encode(after.members)

    for part in (
        b"12345678901234567.89",
        b'{"a": 1, "a": 2}',
        b"1.10",
        b"123456789012345678901234567890",
        b'"\\u00e9"',
    ):
        assert part in sent
    assert b'"name":"b"' in sent


def test_what_is_cleared_is_sent_as_null() -> None:
    """A vendor that merges would keep what is left out."""
    after = SetMember("dateDue", None).apply(document({"id": 1, "dateDue": "2026-01-01"}))

    assert bytes(after.members["dateDue"]) == b"null"


def test_an_item_is_exchanged_where_it_stands_and_its_old_names_go() -> None:
    """Members that nobody knows stay; those that describe the former item do not."""
    entry = {
        "listId": 9423, "id": 11, "type": "status", "name": "Open", "isOpen": True, "odd": [1],
    }  # fmt: skip
    case = {"id": 1, "listValues": [{"listId": 9425, "id": 21, "type": "custom"}, entry]}
    after = SetListValue(LISTS, STATUS, ITEMS[1]).apply(document(case))

    assert msgspec.json.decode(after.members["listValues"]) == [
        {"listId": 9425, "id": 21, "type": "custom"},
        {"listId": 9423, "id": 12, "type": "status", "odd": [1]},
    ]


@pytest.mark.parametrize("kind", ["category", "custom", None])
def test_two_lists_with_one_id_do_not_take_each_others_items(kind: str | None) -> None:
    """The type decides; where an entry tells none, its item does."""
    other = {"listId": 9425, "id": 21} | ({} if kind is None else {"type": "custom"})
    case = {"id": 1, "listValues": [other, {"listId": 9425, "id": 11, "type": "category"}]}
    after = SetListValue(LISTS, CATEGORY, ITEMS[2]).apply(document(case))

    assert msgspec.json.decode(after.members["listValues"]) == [
        other,
        {"listId": 9425, "id": 13, "type": "category"},
    ]


def test_a_status_kept_under_another_list_is_the_status() -> None:
    """There is one status on a case, so a foreign list id makes no second one."""
    case = {"id": 1, "listValues": [{"listId": 23, "id": 986, "type": "status"}]}
    after = SetListValue(LISTS, STATUS, ITEMS[0]).apply(document(case))

    assert msgspec.json.decode(after.members["listValues"]) == [
        {"listId": 9423, "id": 11, "type": "status"}
    ]


def test_a_role_that_comes_twice_loses_nobody() -> None:
    """People go into its first entry and out of each; whoever else is in either stays."""
    case = {
        "id": 1,
        "roles": [{"id": 5, "users": [{"id": 1}, {"id": 3}]}, {"id": 5, "users": [{"id": 2}]}],
    }
    added = ChangeUsers("5", added=("2", "4")).apply(document(case))
    removed = ChangeUsers("5", removed=("1", "2")).apply(document(case))

    assert msgspec.json.decode(added.members["roles"]) == [
        {"id": 5, "users": [{"id": 1}, {"id": 3}, {"id": 4}]},
        {"id": 5, "users": [{"id": 2}]},
    ]
    assert snapshot_of(added.case("96"))["roles.5"] == ["1", "2", "3", "4"]
    assert snapshot_of(removed.case("96"))["roles.5"] == ["3"]


@pytest.mark.parametrize("broken", [b"5", b'{"a": 1}', b'"x"', b"true"])
def test_an_array_that_is_none_cannot_be_changed(broken: bytes) -> None:
    """What cannot be understood is an error and never replaced; other members can be changed."""
    text = b'{"id": 1, "name": "a", "roles": %s}' % broken
    with pytest.raises(ContractViolation):
        ChangeUsers("1", added=("2",)).apply(document(text))
    after = SetMember("name", "b").apply(document(text))
    assert bytes(after.members["roles"]) == broken


@given(cases, changes)
def test_the_difference_of_a_change_is_what_it_names(case: dict[str, Any], change: Change) -> None:
    """Compared as writable parts, before and after differ in the change's own group only."""
    before, after = document(case), change.apply(document(case))
    group = {"dateDue": "dueAt"}.get(member_of(change), member_of(change))

    found = differing(snapshot_of(before.case("96")), snapshot_of(after.case("96")))

    assert {field.partition(".")[0] for field in found} <= {group}


@pytest.mark.parametrize("text", ["²", "x", "-2", "9" * 5_000], ids=range(4))
def test_an_id_that_is_no_number_is_sent_as_the_text_it_is(text: str) -> None:
    """Of the vendor's own lists any text may come, and goes back as it came."""
    assert number_of(text) == text
    assert number_of("9423") == 9423
