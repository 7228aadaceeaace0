"""The set-up of the Customer Care program: lists, roles, workflows, triggers, data fields.

Names lead to ids here and nowhere else, so no case can refer to an item that does not exist.
Invariant: every id is unique within its kind and the default item of each list is one of its items.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from casegraph.sandbox.world_people import COUNTRIES
from casegraph.sandbox.world_topic import (
    DELIVERY,
    INSTALLATION,
    MONEY,
    ORDER,
    PRODUCT,
    STORE,
    WARRANTY,
    Topic,
)
from casegraph.sandbox.world_topics_delivery import DELIVERY_TOPICS
from casegraph.sandbox.world_topics_orders import ORDER_TOPICS
from casegraph.sandbox.world_topics_repair import REPAIR_TOPICS
from casegraph.upstreams.action_management.store import Row

TOPICS: tuple[Topic, ...] = (*DELIVERY_TOPICS, *REPAIR_TOPICS, *ORDER_TOPICS)

NOT_STARTED = "Not started"
IN_PROGRESS = "In progress"
WAITING = "Waiting for customer"
RESOLVED = "Resolved"
NO_CONTACT = "Closed without contact"
OPEN_STATUSES = (NOT_STARTED, IN_PROGRESS, WAITING)

SEVERITIES = {"Low": False, "Medium": False, "High": True, "Critical": True}
"""Name of each severity and whether it is high."""

ONLINE_SHOP = "Online shop"
CHANNELS = ("Survey", "Phone", "E-mail", "Chat", "Social media", "Store visit")
_OTHER_CAUSE = "Not yet known"

FIRST_CASE = 345_000
"""Case ids rise from here with the time of creation; lower ones were deleted."""

STATUS_LIST, SEVERITY_LIST, CATEGORY_LIST = 9423, 9424, 9425
STORE_LIST, CHANNEL_LIST, CAUSE_LIST = 9426, 9427, 9428

CASE_OWNER, TEAM_LEAD, WATCHER = 3456, 3457, 3458
_ROLE_NAMES = {CASE_OWNER: "Case Owner", TEAM_LEAD: "Team Lead", WATCHER: "Watcher"}

RECOVERY, COMPLAINT, BILLING, CALL_BACK = 214, 215, 217, 220
WORKFLOWS = {
    RECOVERY: "Customer recovery",
    COMPLAINT: "Product complaint",
    BILLING: "Billing dispute",
    CALL_BACK: "Call back",
}


@dataclass(frozen=True, slots=True)
class Trigger:
    """A rule that opens a case from a survey answer."""

    trigger_id: int
    name: str
    survey_id: str
    workflow_id: int


TRIGGERS = {
    DELIVERY: Trigger(1411, "Low NPS after delivery", "p187734510", RECOVERY),
    INSTALLATION: Trigger(1412, "Low NPS after installation", "p187734516", RECOVERY),
    PRODUCT: Trigger(1415, "Product not as expected", "p187741093", COMPLAINT),
    WARRANTY: Trigger(1416, "Warranty question after purchase", "p187741093", COMPLAINT),
    MONEY: Trigger(1420, "Refund or invoice question", "p187750288", BILLING),
    ORDER: Trigger(1421, "Low ease score online", "p187750288", CALL_BACK),
    STORE: Trigger(1424, "Low score for store visit", "p187769004", CALL_BACK),
}
"""By category of the case."""

DATA_FIELDS = {
    "customer_id": (7118, "Customer ID"),
    "email": (7119, "E-mail"),
    "nps": (7120, "Likelihood to recommend"),
    "overall_satisfaction": (7121, "Overall satisfaction"),
    "country": (7122, "Country"),
    "order_number": (7123, "Order number"),
    "comment": (7124, "Comment"),
}
"""By question name: definition id and label."""

SECOND_CUSTOMER_FIELD = (7131, "Customer ID (household)")
"""A later survey asks for the household's number under the same question name `customer_id`."""


class Program:
    """The lists and roles in the vendor's form, and the way from names to ids."""

    def __init__(self, live_since: datetime) -> None:
        self._items = 11_000
        self._ids: dict[tuple[int, str], int] = {}
        self._subcategories: dict[tuple[str, str], int] = {}
        stores = [name for country in COUNTRIES for name, _ in country.stores]
        causes = sorted({cause for topic in TOPICS for cause in topic.causes})
        statuses = dict.fromkeys(OPEN_STATUSES, True) | {RESOLVED: False, NO_CONTACT: False}
        self.lists: list[Row] = [
            self._list(STATUS_LIST, "Status", "status", list(statuses)),
            self._list(SEVERITY_LIST, "Severity", "severity", list(SEVERITIES)),
            self._list(CATEGORY_LIST, "Category", "category", list(TRIGGERS)),
            self._list(STORE_LIST, "Store", "custom", [ONLINE_SHOP, *stores]),
            self._list(CHANNEL_LIST, "Channel", "custom", list(CHANNELS)),
            self._list(CAUSE_LIST, "Root cause", "custom", [_OTHER_CAUSE, *causes]),
        ]
        for item in self.lists[0]["items"]:
            item["isOpen"] = statuses[item["name"]]
        for item in self.lists[1]["items"]:
            item["isHigh"] = SEVERITIES[item["name"]]
        for item in self.lists[2]["items"]:
            self._divide(item)
        for place, entry in enumerate(self.lists):
            entry["lastUpdated"] = live_since + timedelta(minutes=11 * place + 3)
        self.roles: list[Row] = [
            {"id": role, "name": name, "lastUpdated": live_since + timedelta(minutes=2)}
            for role, name in _ROLE_NAMES.items()
        ]

    def _list(self, list_id: int, name: str, kind: str, names: list[str]) -> Row:
        items: list[Row] = []
        for item_name in names:
            self._items += 1
            self._ids[list_id, item_name] = self._items
            items.append({"listId": list_id, "id": self._items, "name": item_name, "type": kind})
        return {
            "id": list_id,
            "name": name,
            "type": kind,
            "lastUpdated": None,
            "defaultItem": items[0]["id"],
            "items": items,
        }

    def _divide(self, item: Row) -> None:
        """Give a category its subcategories; one that has none keeps no such key."""
        names = [t.subcategory for t in TOPICS if t.category == item["name"] and t.subcategory]
        subcategories: list[Row] = []
        for name in names:
            number = 7701 + len(self._subcategories)
            self._subcategories[item["name"], name] = number
            subcategories.append(
                {"listId": CATEGORY_LIST, "listItemId": item["id"], "id": number, "name": name}
            )
        if subcategories:
            item["subCategories"] = subcategories

    def value(self, list_id: int, name: str) -> Row:
        """Return the list value that chooses the item of this name; `KeyError` if none."""
        return {"listId": list_id, "id": self._ids[list_id, name]}

    def category_value(self, topic: Topic) -> Row:
        """Return the category of a topic, with its subcategory if it has one."""
        chosen = self.value(CATEGORY_LIST, topic.category)
        if topic.subcategory is not None:
            chosen["subCategoryId"] = self._subcategories[topic.category, topic.subcategory]
        return chosen
