"""The simulated Hubs API: hubs, end-user lists and end users, which user links point to.

The store knows one end-user list per hub, the one its program draws on; that list's people are
the store's users. Lists added through the API exist beside it, in this module's memory only.
Invariant: ids are never given twice, and the program's own list cannot be deleted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from casegraph.upstreams.action_management.simulator_query import (
    INT32_MAX,
    RefusalError,
    read_int,
    read_json,
    read_object,
    refuse,
)
from casegraph.upstreams.action_management.simulator_switches import Switches
from casegraph.upstreams.action_management.store import Hub, Row, Store

_TEXTS = ("userName", "firstName", "lastName", "email", "comment")


def print_end_user(user: Row, switches: Switches, *, alone: bool) -> Row:
    """Print an end user; one printed alone may show isActive as text."""
    active: Any = bool(user["isActive"])
    if alone and switches.end_user_active_as_text:
        active = str(active).lower()
    printed: Row = {"id": user["id"], "isActive": active, "links": {}}
    for name in (*_TEXTS, "language"):
        value = user.get(name)
        if value is not None or switches.null_members:
            printed[name] = value
    return printed


@dataclass
class _UserList:
    name: str
    users: dict[int, Row] = field(default_factory=dict)


@dataclass
class EndUsers:
    """End-user lists of all hubs: the programs' own, from the store, and the added ones."""

    store: Store
    switches: Switches
    _names: dict[int, str] = field(default_factory=dict)
    _added: dict[int, dict[int, _UserList]] = field(default_factory=dict)
    _last_list: int = 0
    _last_user: int = 0

    def lists(self, hub: Hub) -> list[Row]:
        """Name the hub's end-user lists as `{id, name}`."""
        own = self._names.get(hub.hub_id, f"{hub.name} users")
        return [
            {"id": hub.user_list_id, "name": own},
            *({"id": key, "name": each.name} for key, each in self._extra(hub).items()),
        ]

    def _extra(self, hub: Hub) -> dict[int, _UserList]:
        return self._added.setdefault(hub.hub_id, {})

    def _people(self, hub: Hub, list_id: int) -> dict[int, Row]:
        if list_id == hub.user_list_id:
            return hub.users
        added = self._extra(hub).get(list_id)
        if added is None:
            raise RefusalError(404, f"Hub {hub.hub_id} has no end-user list {list_id}.")
        return added.users

    def add_lists(self, hub: Hub, body: bytes) -> list[Row]:
        """Add a list for each `{name}` of the array in `body`."""
        entries = read_json(body)
        if not isinstance(entries, list) or not entries:
            raise refuse("The body must be an array of objects with a 'name'.")
        names = [_list_name(entry) for entry in entries]
        return [self._add_list(hub, name) for name in names]

    def _add_list(self, hub: Hub, name: str) -> Row:
        owned = (each.user_list_id for each in self.store.hubs.values())
        self._last_list = max(self._last_list, *owned) + 1
        self._extra(hub)[self._last_list] = _UserList(name)
        return {"id": self._last_list, "name": name}

    def rename_list(self, hub: Hub, list_id: int, body: bytes) -> Row:
        """Rename a list; the vendor answers the name alone."""
        self._people(hub, list_id)
        name = _list_name(read_object(body))
        if list_id == hub.user_list_id:
            self._names[hub.hub_id] = name
        else:
            self._extra(hub)[list_id].name = name
        return {"name": name}

    def delete_list(self, hub: Hub, list_id: int) -> None:
        """Delete a list; a 400 unless it is empty and no program draws on it."""
        if self._people(hub, list_id):
            raise refuse("The end-user list still has users.")
        if list_id == hub.user_list_id:
            raise refuse("The end-user list belongs to the hub's program.")
        del self._extra(hub)[list_id]

    def add_user(self, hub: Hub, list_id: int, body: bytes) -> Row:
        """Add an active user to a list and return the row."""
        people = self._people(hub, list_id)
        given = read_object(body)
        user: Row = {name: _text(given, name) for name in _TEXTS}
        if not user["userName"]:
            raise refuse("'userName' is required.")
        if any(each["userName"] == user["userName"] for each in people.values()):
            raise refuse("'userName' is taken.")
        if given.get("language") is not None:
            user["language"] = read_int(given["language"], "language")
        self._last_user = max(self._last_user, *self._user_ids(), 0) + 1
        user = {name: value for name, value in user.items() if value is not None}
        people[self._last_user] = {"id": self._last_user, **user, "isActive": True}
        return people[self._last_user]

    def _user_ids(self) -> Iterator[int]:
        for hub in self.store.hubs.values():
            yield from hub.users

    def user(self, hub: Hub, list_id: int, user_id: int) -> Row:
        """One user of a list; a 404 when it has no such user."""
        found = self._people(hub, list_id).get(user_id)
        if found is None:
            raise RefusalError(404, f"End-user list {list_id} has no user {user_id}.")
        return found

    def query(self, hub: Hub, list_id: int, body: bytes) -> tuple[list[Row], int]:
        """One page of a list's users sorted by id, and how many match `isActive`."""
        people = self._people(hub, list_id)
        decoded = read_json(body)
        asked = {} if decoded is None else decoded
        if not isinstance(asked, dict):
            raise refuse("The body must be a JSON object.")
        given = {name: value for name, value in asked.items() if value is not None}
        if given.get("sortBy", "UserId") != "UserId":
            raise refuse("Users can be sorted by 'UserId' only.")
        active = given.get("isActive")
        if active is not None and not isinstance(active, bool):
            raise refuse("'isActive' must be true or false.")
        largest = self.switches.user_query_max
        top = read_int(given.get("top", largest), "top", 1, largest)
        skip = read_int(given.get("skip", 0), "skip", 0, INT32_MAX)
        found = [
            user
            for _, user in sorted(people.items())
            if active is None or bool(user["isActive"]) is active
        ]
        return found[skip : skip + top], len(found)


def _list_name(entry: Any) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise refuse("'name' must be a text that is not empty.")
    return name


def _text(given: Row, name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise refuse(f"'{name}' must be a text.")
    return value
