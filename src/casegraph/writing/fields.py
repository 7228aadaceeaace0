"""The writable part of a case as a flat table, its version, and what differs between two of them.

    name, workflowId, cost, dueAt            one value each
    listValues.<type>.<listId>               the chosen item, with its sub-category
    roles.<roleId>                           the ids of the people, sorted

Order means nothing in the vendor's arrays and an empty role is no role, so neither makes a
difference here. A version is one short digest per group, so that two versions alone tell which
groups differ. Invariant: pure; equal writable parts have equal versions, whoever read them.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec

from casegraph.errors import ContractViolation, InvalidArgument
from casegraph.upstreams.action_management.records import Case, CaseRole, ListValue, ProgramListType
from casegraph.writing.outcomes import FieldChange, FieldDifference

Snapshot: TypeAlias = Mapping[str, Any]
"""Plain JSON values by field; an absent field is the same as null."""

GROUPS = ("name", "workflowId", "cost", "dueAt", "listValues", "roles")
UNREADABLE = {"unreadable": True}
"""Stands for what broke its contract: equal to itself, so that it is no difference."""

_PREFIX = "v1."
_DIGEST_BYTES = 8
"""A pair of values that differ passes as equal once in 2**64."""


def snapshot_of(case: Case) -> Snapshot:
    """Return the writable part of a case that came with its details."""
    found: dict[str, Any] = {
        "name": _plain(case.name),
        "workflowId": _plain(case.workflow_id),
        "cost": _plain(case.cost),
        "dueAt": _plain(case.due_at),
    }
    if isinstance(case.list_values, ContractViolation):
        found["listValues"] = UNREADABLE
    for value in case.list_values if isinstance(case.list_values, tuple) else ():
        chosen = found.setdefault(list_field(value.type, value.list_id), [])
        chosen.append(_chosen(value))
    if isinstance(case.roles, ContractViolation):
        found["roles"] = UNREADABLE
    for role in case.roles if isinstance(case.roles, tuple) else ():
        # A role that comes twice is one role: who is in any of its entries has it.
        name = role_field(role.role_id)
        found[name] = _united(found.get(name, []), _people(role))
    return {
        field: _settled(value) if field.startswith("listValues.") else value
        for field, value in found.items()
        if value is not None and value != []
    }


def violation_at(case: Case, field: str) -> ContractViolation | None:
    """Return what made a field of `listValues` or `roles`, or its group, unreadable."""
    part = case.list_values if field.partition(".")[0] == "listValues" else case.roles
    if isinstance(part, ContractViolation):
        return part
    for role in case.roles if isinstance(case.roles, tuple) else ():
        if role_field(role.role_id) == field and isinstance(role.users, ContractViolation):
            return role.users
    return None


def list_field(kind: ProgramListType | Any, list_id: str | Any) -> str:
    """Return the field of a list's chosen item; two lists may share an id, so the type is in it."""
    name = kind.value if isinstance(kind, ProgramListType) else "unknown"
    return f"listValues.{name}.{_plain(list_id)}"


def role_field(role_id: str | Any) -> str:
    """Return the field of the people in a role."""
    return f"roles.{_plain(role_id)}"


def version_of(snapshot: Snapshot) -> str:
    """Return the version of a writable part: `v1.` and 64 characters."""
    digests = b"".join(_digest(snapshot, group) for group in GROUPS)
    return _PREFIX + base64.urlsafe_b64encode(digests).decode()


def readable(case: Case) -> Snapshot:
    """Return the writable part of a case; raises what made a part of it unreadable."""
    for part in (case.name, case.workflow_id, case.cost, case.due_at, case.list_values, case.roles):
        if isinstance(part, ContractViolation):
            raise part
    return snapshot_of(case)


def check_version(text: str) -> str:
    """Return a version that a client gave; raises InvalidArgument for what is none."""
    try:
        raw = base64.b64decode(text.removeprefix(_PREFIX), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not text.startswith(_PREFIX) or len(raw) != _DIGEST_BYTES * len(GROUPS):
        raise InvalidArgument("This is not a version of a case.")
    return text


def differing_groups(one: str, other: str) -> tuple[str, ...]:
    """Return the groups in which two checked versions differ."""
    first, second = (base64.urlsafe_b64decode(each.removeprefix(_PREFIX)) for each in (one, other))
    size = _DIGEST_BYTES
    return tuple(
        group
        for index, group in enumerate(GROUPS)
        if first[index * size : (index + 1) * size] != second[index * size : (index + 1) * size]
    )


def differing(one: Snapshot, other: Snapshot) -> tuple[str, ...]:
    """Return the fields in which two writable parts differ, in reading order."""
    fields = sorted({*one, *other}, key=_place)
    return tuple(field for field in fields if one.get(field) != other.get(field))


def changes(before: Snapshot, after: Snapshot) -> tuple[FieldChange, ...]:
    """Return what turns one writable part into another."""
    return tuple(
        FieldChange(field, before.get(field), after.get(field))
        for field in differing(before, after)
    )


def differences(
    expected: Snapshot, actual: Snapshot, requested: Snapshot, asked: Iterable[str]
) -> tuple[FieldDifference, ...]:
    """Return where the actual part is not the expected one, beside what was asked for."""
    wanted = frozenset(asked)
    return tuple(
        FieldDifference(
            field,
            expected.get(field),
            actual.get(field),
            requested.get(field) if field in wanted else None,
            is_requested=field in wanted,
        )
        for field in differing(expected, actual)
    )


def differences_by_group(
    groups: Iterable[str], actual: Snapshot, requested: Snapshot, asked: Iterable[str]
) -> tuple[FieldDifference, ...]:
    """Return the differing groups where nobody remembers what the expected version held."""
    wanted = {field.partition(".")[0] for field in asked}
    return tuple(
        FieldDifference(
            group,
            None,
            _group_value(actual, group),
            _group_value(requested, group) if group in wanted else None,
            is_expected_known=False,
            is_requested=group in wanted,
        )
        for group in groups
    )


def _group_value(snapshot: Snapshot, group: str) -> Any:
    if group in snapshot or group not in {"listValues", "roles"}:
        return snapshot.get(group)
    prefix = f"{group}."
    found = {key.removeprefix(prefix): snapshot[key] for key in snapshot if key.startswith(prefix)}
    return found or None


def _digest(snapshot: Snapshot, group: str) -> bytes:
    prefix = f"{group}."
    part = sorted(
        (field, value)
        for field, value in snapshot.items()
        if field == group or field.startswith(prefix)
    )
    text = msgspec.json.encode(part, order="deterministic")
    return blake2b(text, digest_size=_DIGEST_BYTES, person=b"casegraph-v1").digest()


def _place(field: str) -> tuple[int, str]:
    return GROUPS.index(field.partition(".")[0]), field


def _plain(value: Any) -> Any:
    match value:
        case ContractViolation():
            return UNREADABLE
        case datetime():
            return value.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
        case None | msgspec.UNSET:
            return None
        case str():
            return str.__str__(value)
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _chosen(value: ListValue) -> dict[str, Any]:
    chosen = {"itemId": _plain(value.item_id)}
    if value.sub_category_id is not None:
        chosen["subCategoryId"] = _plain(value.sub_category_id)
    return chosen


def _settled(chosen: list[dict[str, Any]]) -> Any:
    """Return one choice as itself; several, which the contract does not know, in a fixed order."""
    if len(chosen) == 1:
        return chosen[0]
    return sorted(chosen, key=lambda each: msgspec.json.encode(each, order="deterministic"))


def _united(some: Any, more: Any) -> Any:
    if UNREADABLE in (some, more):
        return UNREADABLE
    return sorted({*some, *more}, key=lambda each: (len(each), each))


def _people(role: CaseRole) -> Any:
    if isinstance(role.users, ContractViolation):
        return UNREADABLE
    return {str.__str__(user.user_id) for user in role.users or ()}
