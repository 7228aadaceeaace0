"""Rows of the simulated Action Management printed as the vendor's JSON.

The store keeps facts; everything the vendor computes (isClosed, isOverDue, names and flags of
chosen list items, role names, links) is computed here, at the moment of printing.
Invariant: printing never changes the store, and a Printer lives for one request, so rows edited
behind the simulator's back are seen by the next request.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import MINYEAR, UTC, datetime, timedelta, timezone

from casegraph.upstreams.action_management.simulator_switches import DateForm, Switches
from casegraph.upstreams.action_management.store import Hub, Row

_PACIFIC = timezone(timedelta(hours=-7))


def print_moment(moment: datetime, form: DateForm) -> str:
    """Print an aware moment in one of the vendor's text forms; no microsecond is lost."""
    if form is DateForm.OFFSET and moment.year > MINYEAR:  # before the first year is nothing
        return moment.astimezone(_PACIFIC).isoformat()
    utc = moment.astimezone(UTC)
    if form in {DateForm.USUAL, DateForm.OFFSET}:
        return utc.isoformat()
    if form is DateForm.SEVEN_DIGITS:
        # Never 0: a reader that rounds the seventh digit up must land after the true moment.
        return f"{utc.replace(tzinfo=None).isoformat(timespec='microseconds')}2+00:00"
    grain = "microseconds" if utc.microsecond % 1000 else "milliseconds"
    return f"{utc.replace(tzinfo=None).isoformat(sep=' ', timespec=grain)}-00:00"


def collection(items: Sequence[Row], total: int, item_type: str | None) -> Row:
    """Put the vendor's envelope around `items`; `total` counts the matches before paging."""
    envelope: Row = {"itemCount": len(items), "totalCount": total, "items": items, "links": {}}
    if item_type is not None:
        envelope["itemType"] = item_type
    return envelope


@dataclass(frozen=True)
class Choice:
    """A program list's item (and subcategory) that a stored list value points to."""

    position: int
    item: Row
    subcategory: Row | None


class Catalog:
    """One hub's program lists under the ids that the switches make the vendor print.

    Positions, not ids, identify lists here, because printed ids may be shared (Q1).
    """

    def __init__(self, hub: Hub, switches: Switches) -> None:
        self._lists = hub.lists
        self._switches = switches
        self.printed_ids: list[int] = [each["id"] for each in hub.lists]
        self._items = {
            (each["id"], item["id"]): (position, item)
            for position, each in reversed(list(enumerate(hub.lists)))
            for item in each["items"]
        }
        self._category = self._first("category")
        custom = self._first("custom")
        if switches.lists_share_id and self._category is not None and custom is not None:
            self.printed_ids[custom] = self.printed_ids[self._category]

    def _first(self, list_type: str) -> int | None:
        found = (i for i, each in enumerate(self._lists) if each["type"] == list_type)
        return next(found, None)

    def list_type(self, position: int) -> str:
        """Tell the type of the list at `position`: status, severity, category or custom."""
        list_type: str = self._lists[position]["type"]
        return list_type

    def choice(self, value: Row) -> Choice | None:
        """Find what a stored list value points to; None when its item is gone."""
        found = self._items.get((value["listId"], value["id"]))
        if found is None:
            return None
        position, item = found
        wanted = value.get("subCategoryId")
        subs = (sub for sub in item.get("subCategories") or () if sub["id"] == wanted)
        return Choice(position, item, next(subs, None))

    def candidates(self, printed_id: int, item_id: int) -> list[tuple[int, Row]]:
        """Find the lists printed under `printed_id` that hold the item: position and item."""
        return [
            (position, item)
            for position, each in enumerate(self._lists)
            if self.printed_ids[position] == printed_id
            for item in each["items"]
            if item["id"] == item_id
        ]

    def stored_id(self, position: int) -> int:
        """Tell the id under which the store keeps the list at `position`."""
        stored: int = self._lists[position]["id"]
        return stored

    def is_open(self, values: Iterable[Row]) -> bool:
        """Whether the chosen status counts as open; a case without a status is open."""
        for value in values:
            choice = self.choice(value)
            if choice and self.list_type(choice.position) == "status":
                return choice.item.get("isOpen") is not False
        return True

    def subcategory_id(self, position: int, item: Row, sub: Row) -> int:
        """Tell the id under which a subcategory is printed (Q3)."""
        own: int = sub["id"]
        if not self._switches.duplicate_subcategory_ids or position != self._category:
            return own
        subs = item.get("subCategories") or []
        shared: int = subs[0]["id"]
        return shared if len(subs) > 1 and sub is subs[1] else own

    def item_list_id(self, position: int, index: int) -> int:
        """Tell the listId printed on the item at `index` of a list (Q2)."""
        severity = self._first("severity")
        wrong = self._switches.foreign_item_list_id and severity is not None
        if wrong and position == self._category and index == 0 and severity is not None:
            return self.printed_ids[severity]
        return self.printed_ids[position]

    def default_item(self, position: int) -> int | None:
        """Tell the printed defaultItem (Q4)."""
        each = self._lists[position]
        if self._switches.dangling_default_item and position == self._first("status"):
            return max((item["id"] for item in each["items"]), default=0) + 10_000
        default: int | None = each.get("defaultItem")
        return default


class Printer:
    """Prints rows of one hub for one request; `base` is the scheme and host put into links."""

    def __init__(self, hub: Hub, switches: Switches, base: str, now: datetime) -> None:
        self._hub = hub
        self._switches = switches
        self._now = now
        self.catalog = Catalog(hub, switches)
        shown = hub.hub_id if switches.link_hub_id is None else switches.link_hub_id
        self._cases_link = f"{base}/v1/actionmanagement/hubs/{shown}/cases/"
        self._users_link = f"{base}/v1/hubs/{shown}/enduserlists/{hub.user_list_id}/users/"
        self._role_names = {role["id"]: role["name"] for role in hub.roles}
        self._users: dict[int, Row] = {}
        self._values: dict[tuple[int, int, int | None], Row] = {}

    def _settled(self, row: Row) -> Row:
        if self._switches.null_members:
            return row
        return {name: value for name, value in row.items() if value is not None}

    def _moment(self, moment: datetime | None) -> str | None:
        return None if moment is None else print_moment(moment, self._switches.dates)

    # Cases.

    def is_closed(self, row: Row) -> bool:
        """Tell whether the chosen status is not an open one."""
        return not self.catalog.is_open(row.get("listValues", ()))

    def is_overdue(self, row: Row) -> bool:
        """Tell whether the case is open and was due before now (assumed)."""
        due = row.get("dateDue")
        return due is not None and due < self._now and not self.is_closed(row)

    def case_item(self, row: Row) -> Row:
        """Print a case in list form (E1)."""
        printed = self._common(row)
        printed["workflowName"] = self._hub.workflows.get(row["workflowId"])
        printed["isClosed"] = self.is_closed(row)
        printed["dataFields"] = self._data_fields(row)
        if self._switches.details_in_list:
            printed |= self._details(row)
            printed["source"] = row.get("source")
        return self._settled(printed)

    def case_details(self, row: Row) -> Row:
        """Print a case in details form (E2)."""
        printed = self._common(row) | self._details(row)
        if self._switches.source_in_details:
            printed["source"] = row.get("source")
        if self._switches.slim_details:
            del printed["isOverDue"]
        else:
            printed["isClosed"] = self.is_closed(row)
            printed["dataFields"] = self._data_fields(row)
        return self._settled(printed)

    def case_everything(self, row: Row) -> Row:
        """Print every property of both forms, for an `include` that names any of them."""
        return self.case_item(row) | self.case_details(row)

    def _common(self, row: Row) -> Row:
        link = f"{self._cases_link}{row['id']}"
        return {
            "id": row["id"],
            "name": row.get("name"),
            "workflowId": row["workflowId"],
            "cost": row.get("cost"),
            "triggerId": row.get("triggerId"),
            "triggerName": row.get("triggerName"),
            "dateCreated": self._moment(row["dateCreated"]),
            "listValues": self.list_values(row),
            "roles": [self._case_role(row["id"], role) for role in row.get("roles", ())],
            "links": {"self": link, "notes": f"{link}/notes"},
        }

    def _details(self, row: Row) -> Row:
        return {
            "isOverDue": self.is_overdue(row),
            "dateDue": self._moment(row.get("dateDue")),
            "preOverDueDateTime": self._moment(row.get("preOverDueDateTime")),
            "postOverDueDateTime": self._moment(row.get("postOverDueDateTime")),
            "dateModified": self._moment(row.get("dateModified")),
        }

    def _data_fields(self, row: Row) -> list[Row]:
        return [
            {
                "id": field["id"],
                "caseId": row["id"],
                "name": field["name"],
                "value": field["value"],
                "questionName": field["questionName"],
            }
            for field in row.get("dataFields", ())
        ]

    def list_values(self, row: Row) -> list[Row]:
        """Print the chosen list items of a case."""
        return [self._list_value(value) for value in row.get("listValues", ())]

    def _list_value(self, value: Row) -> Row:
        key = (value["listId"], value["id"], value.get("subCategoryId"))
        printed = self._values.get(key)
        if printed is None:
            printed = self._values[key] = self._settled(self._chosen(value))
        return printed

    def _chosen(self, value: Row) -> Row:
        choice = self.catalog.choice(value)
        if choice is None:
            return {"listId": value["listId"], "id": value["id"]}
        item, sub, position = choice.item, choice.subcategory, choice.position
        printed_sub = sub and self.catalog.subcategory_id(position, item, sub)
        return {
            "listId": self.catalog.printed_ids[position],
            "id": item["id"],
            "name": item["name"],
            "type": self.catalog.list_type(position),
            "isOpen": item.get("isOpen"),
            "isHigh": item.get("isHigh"),
            "subCategoryId": printed_sub,
            "subCategoryName": sub and sub["name"],
        }

    def _case_role(self, case_id: int, role: Row) -> Row:
        printed: Row = {
            "id": role["id"],
            "caseId": case_id,
            "name": self._role_names.get(role["id"], ""),
            "users": [self._assigned(user_id) for user_id in role.get("users", ())],
        }
        if not self._switches.slim_details:
            printed["workflowRoleIsActive"] = False
        return printed

    def _assigned(self, user_id: int) -> Row:
        printed = self._users.get(user_id)
        if printed is None:
            user: Row = self._hub.users.get(user_id, {})
            printed = self._users[user_id] = {
                "id": user_id,
                "userName": user.get("userName", ""),
                "isActive": bool(user.get("isActive", False)),
                "links": {"self": f"{self._users_link}{user_id}"},
            }
        return printed

    # Notes, lists, roles.

    def note(self, row: Row) -> Row:
        """Print a note (E5, E6, E7)."""
        by_system = row["isSystemGenerated"]
        modified = row.get("dateModified")
        if by_system and self._switches.system_notes_without_modified:
            modified = None
        elif by_system or self._switches.unedited_notes_have_modified:
            modified = modified or row["dateCreated"]
        link = f"{self._cases_link}{row['caseId']}/notes/{row['id']}"
        return self._settled(
            {
                "id": row["id"],
                "caseId": row["caseId"],
                "comments": row["comments"],
                "isSystemGenerated": by_system,
                "createdBy": self._author(row.get("createdBy"), by_system=by_system),
                "modifiedBy": self._author(row.get("modifiedBy"), by_system=by_system),
                "dateCreated": self._moment(row["dateCreated"]),
                "dateModified": self._moment(modified),
                "links": {"self": link},
            }
        )

    def _author(self, user_id: int | None, *, by_system: bool) -> Row | None:
        return None if by_system or user_id is None else self._assigned(user_id)

    def program_lists(self) -> list[Row]:
        """Print the whole program's lists (E8)."""
        return [
            self._settled(
                {
                    "id": self.catalog.printed_ids[position],
                    "name": row["name"],
                    "type": row["type"],
                    "lastUpdated": self._moment(row["lastUpdated"]),
                    "defaultItem": self.catalog.default_item(position),
                    "items": [
                        self._list_item(position, index, item)
                        for index, item in enumerate(row["items"])
                    ],
                    "links": {},
                }
            )
            for position, row in enumerate(self._hub.lists)
        ]

    def _list_item(self, position: int, index: int, item: Row) -> Row:
        subs = [
            {
                "listId": self.catalog.printed_ids[position],
                "listItemId": item["id"],
                "id": self.catalog.subcategory_id(position, item, sub),
                "name": sub["name"],
            }
            for sub in item.get("subCategories") or ()
        ]
        return self._settled(
            {
                "listId": self.catalog.item_list_id(position, index),
                "id": item["id"],
                "name": item["name"],
                "type": self.catalog.list_type(position),
                "isOpen": item.get("isOpen"),
                "isHigh": item.get("isHigh"),
                "subCategories": subs or None,
            }
        )

    def roles(self) -> list[Row]:
        """Print the hub's role definitions (E9)."""
        form = self._switches.role_dates
        return [
            {
                "id": role["id"],
                "name": role["name"],
                "lastUpdated": print_moment(role["lastUpdated"], form),
                "links": {},
            }
            for role in self._hub.roles
        ]
