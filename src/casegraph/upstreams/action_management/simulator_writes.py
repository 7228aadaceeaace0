"""PUT and DELETE of a case, as the simulated vendor does them.

A PUT carries the whole case back, so everything the vendor owns is tolerated and ignored, and
what may be changed is checked before anything is stored.
Invariant: a refused PUT leaves the store untouched; an accepted one swaps in a new row, so a row
that somebody still holds never changes under their hands. There is no version check: the last
writer wins over the whole object.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from casegraph.upstreams.action_management.simulator_printing import Catalog
from casegraph.upstreams.action_management.simulator_query import read_int, read_moment, refuse
from casegraph.upstreams.action_management.simulator_switches import PutMode, Switches
from casegraph.upstreams.action_management.store import Hub, Row

_Keep = Callable[[str], bool]


def put_case(hub: Hub, case_id: int, body: Row, switches: Switches, now: datetime) -> Row:
    """Store the changeable part of `body` on the case and return its new row."""
    stored = hub.cases[case_id]
    merging = switches.put_mode is PutMode.MERGE

    def keeps(name: str) -> bool:
        """Whether leaving `name` out of the body keeps the stored value."""
        return merging and name not in body

    row = {
        **stored,
        "name": _name(stored, body, switches, keeps),
        "workflowId": _workflow(stored, body, hub, switches, keeps),
        "cost": stored.get("cost") if keeps("cost") else _cost(body.get("cost")),
        "dateDue": stored.get("dateDue") if keeps("dateDue") else _due(body.get("dateDue")),
        "listValues": _list_values(stored, body, hub, switches, keeps),
        "roles": _roles(stored, body, hub, switches, keeps),
        "dateModified": now,
    }
    row = {name: value for name, value in row.items() if value is not None}
    hub.cases[case_id] = row
    if switches.edits_write_notes:
        _write_note(hub, case_id, now)
    return row


def delete_case(hub: Hub, case_id: int) -> Row:
    """Remove the case with its notes and return the row it had."""
    for note_id in [each for each, note in hub.notes.items() if note["caseId"] == case_id]:
        del hub.notes[note_id]
    return hub.cases.pop(case_id)


def _write_note(hub: Hub, case_id: int, now: datetime) -> None:
    note_id = max(hub.notes, default=0) + 1
    hub.notes[note_id] = {
        "id": note_id,
        "caseId": case_id,
        "comments": "Case updated.",
        "isSystemGenerated": True,
        "dateCreated": now,
    }


def _missing(body: Row, name: str, switches: Switches) -> bool:
    """Whether a required property is absent and may be; a 400 when it may not."""
    if body.get(name) is not None:
        return False
    if switches.put_refuses_missing:
        raise refuse(f"'{name}' is required.")
    return True


def _name(stored: Row, body: Row, switches: Switches, keeps: _Keep) -> Any:
    if keeps("name") or _missing(body, "name", switches):
        return stored.get("name")
    name = body["name"]
    if not isinstance(name, str) or not name.strip():
        raise refuse("'name' must be a text that is not empty.")
    return name


def _workflow(stored: Row, body: Row, hub: Hub, switches: Switches, keeps: _Keep) -> Any:
    if keeps("workflowId") or _missing(body, "workflowId", switches):
        return stored["workflowId"]
    workflow_id = read_int(body["workflowId"], "workflowId")
    if workflow_id not in hub.workflows:
        raise refuse("'workflowId' names no workflow.")
    return workflow_id


def _cost(value: Any) -> Any:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise refuse("'cost' must be a number.")
    return value


def _due(value: Any) -> datetime | None:
    return None if value is None else read_moment(value, "dateDue")


def _array(value: Any, name: str) -> list[Row]:
    entries = [] if value is None else value
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise refuse(f"'{name}' must be an array of objects.")
    return entries


def _list_values(stored: Row, body: Row, hub: Hub, switches: Switches, keeps: _Keep) -> list[Row]:
    held: list[Row] = stored.get("listValues", [])
    if keeps("listValues"):
        return held
    catalog = Catalog(hub, switches)
    chosen: dict[int, Row] = {}
    for entry in _array(body.get("listValues"), "listValues"):
        position, value = _list_value(entry, catalog, held)
        if position in chosen:
            raise refuse("'listValues' holds two items of one list.")
        chosen[position] = value
    if not any(catalog.list_type(position) == "status" for position in chosen):
        if switches.put_refuses_missing:
            raise refuse("'listValues' must hold a status.")
        kept = (value for value in held if _is_status(value, catalog))
        return [*kept, *chosen.values()]
    return list(chosen.values())


def _is_status(value: Row, catalog: Catalog) -> bool:
    choice = catalog.choice(value)
    return choice is not None and catalog.list_type(choice.position) == "status"


def _list_value(entry: Row, catalog: Catalog, held: list[Row]) -> tuple[int, Row]:
    list_id = read_int(entry.get("listId"), "listValues.listId")
    item_id = read_int(entry.get("id"), "listValues.id")
    found = catalog.candidates(list_id, item_id)
    if not found:
        raise refuse(f"'listValues': list {list_id} has no item {item_id}.")
    # Two lists may share an id (Q1): the type, although read-only, then tells them apart.
    typed = [each for each in found if catalog.list_type(each[0]) == entry.get("type")]
    position, item = (typed or found)[0]
    value: Row = {"listId": catalog.stored_id(position), "id": item_id}
    if entry.get("subCategoryId") is not None:
        wanted = read_int(entry["subCategoryId"], "listValues.subCategoryId")
        value["subCategoryId"] = _subcategory(wanted, position, item, catalog, held)
    return position, value


def _subcategory(wanted: int, position: int, item: Row, catalog: Catalog, held: list[Row]) -> int:
    subs = item.get("subCategories") or ()
    found = [sub["id"] for sub in subs if catalog.subcategory_id(position, item, sub) == wanted]
    if not found:
        raise refuse(f"'listValues': item {item['id']} has no subcategory {wanted}.")
    # A printed id may stand for two (Q3): sent back unchanged, it means the one that was held.
    kept = [value.get("subCategoryId") for value in held if value["id"] == item["id"]]
    chosen: int = next((each for each in found if each in kept), found[0])
    return chosen


def _roles(stored: Row, body: Row, hub: Hub, switches: Switches, keeps: _Keep) -> list[Row]:
    held: dict[int, list[int]] = {
        role["id"]: list(role.get("users", ())) for role in stored.get("roles", ())
    }
    if keeps("roles"):
        return [{"id": role_id, "users": users} for role_id, users in held.items()]
    merging = switches.put_mode is PutMode.MERGE
    known = {role["id"] for role in hub.roles}
    assigned = {user for users in held.values() for user in users}
    # A role is a definition shared by all cases: left out, it stays, with nobody in it.
    roles: dict[int, list[int]] = {role_id: [] for role_id in held}
    named: set[int] = set()
    for entry in _array(body.get("roles"), "roles"):
        role_id = read_int(entry.get("id"), "roles.id")
        if role_id not in known or role_id in named:
            raise refuse(f"'roles': role {role_id} is unknown or named twice.")
        named.add(role_id)
        if merging and "users" not in entry:
            roles[role_id] = held.get(role_id, [])
        else:
            roles[role_id] = _users(entry, hub, assigned, switches)
    return [{"id": role_id, "users": users} for role_id, users in roles.items()]


def _users(entry: Row, hub: Hub, assigned: set[int], switches: Switches) -> list[int]:
    users: list[int] = []
    for each in _array(entry.get("users"), "roles.users"):
        user_id = read_int(each.get("id"), "roles.users.id")
        user = hub.users.get(user_id)
        # Somebody who left may stay where they were assigned (Q13), known or not.
        if user_id not in assigned:
            if user is None:
                raise refuse(f"'roles': user {user_id} is unknown.")
            if not user["isActive"] and not switches.accept_inactive_users:
                raise refuse(f"'roles': user {user_id} is not active.")
        if user_id not in users:
            users.append(user_id)
    return users
