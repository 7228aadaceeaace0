"""The rows of the CRM behind the Khoros connector: customers and their social cases.

Invariant: every social case belongs to a customer of the store and has an interaction; custom
values use declared names only, and a list value is one of its field's choices.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from casegraph.sandbox.world_clock import SPAN, at_work, hours_after
from casegraph.sandbox.world_people import Person, ascii_form
from casegraph.sandbox.world_social import (
    CHATTY_SERVICES,
    FOLLOW_UPS,
    HOME_DETAILS,
    LAST_WORDS,
    REPLIES,
    SERVICES,
    THREADS,
)
from casegraph.sandbox.world_staff import DESKS, members
from casegraph.sandbox.world_stories import Story, draw_appliance
from casegraph.sandbox.world_topic import ANY
from casegraph.upstreams.customer_cases.store import Row, Store

_CRM = "https://crm.hemvik.example"
_SOCIAL_CASES = (24, 36, 21, 10, 6, 3)
_THOROUGH_SOCIAL_CASES = 3
_RELATED_SHARE = 0.6
_SETTLED_AFTER = timedelta(days=2)
_FORGIVEN_SHARE = 0.8
"""Share of threads closed although the customer had the last word."""

_NIGHT_ENDS = 6
_FIRST_NUMBER = 10_412


def _field(name: str, label: str, kind: str, *, searchable: bool = False) -> Row:
    return {"name": name, "label": label, "type": kind, "searchable": searchable}


def _choice(name: str, label: str, values: Sequence[str], *, searchable: bool = False) -> Row:
    choices = [{"name": value.capitalize(), "value": value} for value in values]
    row = _field(name, label, "single_sel_list", searchable=searchable)
    return row | {"listValues": choices}


_TIERS = ("none", "blue", "silver", "gold")
_URGENCIES = ("normal", "soon", "today")


class CustomerDesk:
    """Fills the store of the CRM, customer by customer."""

    def __init__(self, rng: random.Random, now: datetime) -> None:
        self._rng = rng
        self._now = now
        self._since = now - SPAN + timedelta(days=1)
        self._rows: list[Row] = []
        self.store = Store(
            customer_fields=[
                _field("full_name", "Full name", "text", searchable=True),
                _field("email", "E-mail", "text", searchable=True),
                _field("city", "City", "text", searchable=True),
                _choice("loyalty_tier", "Loyalty tier", _TIERS, searchable=True),
                _field("marketing_consent", "May receive offers", "checkbox"),
                _field("home_details", "Notes for the delivery", "textarea"),
            ],
            case_fields=[
                _field("product", "Product", "text"),
                _choice("urgency", "Urgency", _URGENCIES),
                _field("callback_requested", "Call-back requested", "checkbox"),
                _field("internal_summary", "Summary for colleagues", "textarea"),
            ],
        )

    def add_customer(self, customer_id: str, person: Person, story: Story) -> None:
        """Add a customer with social cases, the first of them often on the matter of the story."""
        if customer_id in self.store.customers:
            return
        rng = self._rng
        customer: Row = {
            "id": customer_id,
            "url": f"{_CRM}/customers/{customer_id}",
            "full_name": person.name,
            "email": person.email,
            "city": story.words["city"],
            "loyalty_tier": rng.choices(_TIERS, (50, 28, 15, 7))[0],
            "marketing_consent": rng.random() < 1 / 2,
        }
        if rng.random() < 2 / 5:
            customer["home_details"] = rng.choice(HOME_DETAILS)
        self.store.customers[customer_id] = customer
        count = rng.choices(range(6), _SOCIAL_CASES)[0]
        if story.plan.is_thorough:
            count = _THOROUGH_SOCIAL_CASES
        # A relative has no quarrel with us: the complaint is told once, by the one who made it.
        is_related = person is story.person and (
            story.plan.is_thorough or rng.random() < _RELATED_SHARE
        )
        threads = rng.sample(THREADS, count)
        for place, (title, texts) in enumerate(threads):
            if place == 0 and is_related:
                self._add_complaint(customer, story)
            else:
                self._add_chat(customer, title, texts, story.words)

    def finish(self) -> None:
        """Give all social cases their ids, in order of time."""
        self._rows.sort(key=lambda row: (row["created"], row["customerId"]))
        for number, row in enumerate(self._rows, _FIRST_NUMBER):
            case_id = f"SC-{number}"
            row |= {
                "id": case_id,
                "number": f"{row['created'].year}-{number:06d}",
                "url": f"{_CRM}/cases/{case_id}",
            }
            self.store.cases[case_id] = row

    def _add_complaint(self, customer: Row, story: Story) -> None:
        """Add the public side of the matter that the case of the hub is about."""
        rng = self._rng
        texts = [story.comment, rng.choice(REPLIES), rng.choice(FOLLOW_UPS), rng.choice(LAST_WORDS)]
        start = story.created + (self._now - story.created) * (rng.random() / 30)
        subject = (story.topic.subcategory or story.topic.category).lower()
        service = rng.choice(tuple(SERVICES))
        length = rng.choice((2, 3, 4, 4))
        words = story.words | {"first": customer["full_name"].split(" ")[0]}
        self._add_case(customer, f"Complaint: {subject}", service, texts[:length], words, start)

    def _add_chat(
        self, customer: Row, title: str, texts: Sequence[str], words: Mapping[str, str]
    ) -> None:
        """Add a thread on something else, about another appliance and with another agent."""
        rng = self._rng
        appliance, _ = draw_appliance(rng, ANY)
        agent = rng.choice(members(rng.choice(DESKS))).first
        other = {**words, **appliance, "agent": agent, "first": customer["full_name"].split(" ")[0]}
        start = self._since + (self._now - self._since) * (rng.random() * 0.97)
        self._add_case(customer, title, rng.choice(CHATTY_SERVICES), texts, other, start)

    def _add_case(
        self,
        customer: Row,
        title: str,
        service: str,
        texts: Sequence[str],
        words: Mapping[str, str],
        start: datetime,
    ) -> None:
        rng = self._rng
        start = start.replace(microsecond=0)
        if start.hour < _NIGHT_ENDS:
            start = min(start + timedelta(hours=_NIGHT_ENDS), self._now)
        written = [text.format_map(words) for text in texts]
        interactions = self._thread(service, customer, written, start)
        last = interactions[-1]["created"]
        quiet = self._now - last
        is_answered = len(interactions) % 2 == 0
        is_closed = quiet > _SETTLED_AFTER and (is_answered or rng.random() < _FORGIVEN_SHARE)
        row: Row = {
            "id": "",
            "number": "",
            "customerId": customer["id"],
            "title": title,
            "description": f"{customer['full_name']} on {service.capitalize()}: {written[0]}",
            "url": "",
            "created": start,
            "lastUpdated": last,
            "status": "closed" if is_closed else "open",
            "interactions": interactions,
            "product": words["product"],
            "urgency": rng.choices(_URGENCIES, (6, 3, 1))[0],
            "callback_requested": rng.random() < 1 / 5,
        }
        if is_closed:
            row["internal_summary"] = f"Looked after by {words['agent']}, no further action."
        self._rows.append(row)

    def _thread(
        self, service: str, customer: Row, texts: Sequence[str], start: datetime
    ) -> list[Row]:
        rng = self._rng
        opening, following = SERVICES[service]
        number = rng.randrange(10**14, 10**15)
        name = customer["full_name"]
        # Handle and author id stay the same over all threads of a customer.
        digits = int(customer["id"].removeprefix("C-"))
        handle = f"{ascii_form(name)}{digits % 89 + 10}"
        writer = _author(service, str(80_411_000 + 37 * digits), handle, name)
        brand = _author(service, "104417730", "HemvikCare", "Hemvik Care", is_brand=True)
        interactions: list[Row] = []
        moment = start
        for place, text in enumerate(texts):
            is_reply = place % 2 == 1
            if place:
                moment += hours_after(rng, 2, 30)
            if is_reply:
                moment = at_work(rng, moment)
            if moment > self._now:
                break
            content = f"{number}_{place}" if place else str(number)
            interactions.append(
                {
                    "created": moment,
                    "body": text,
                    "linkUrl": f"https://{service}.example/{handle}/{content}",
                    "serviceId": content,
                    "service": service,
                    "contentType": following if place else opening,
                    "author": brand if is_reply else writer,
                }
            )
        return interactions


def _author(
    service: str, service_id: str, handle: str, name: str, *, is_brand: bool = False
) -> Row:
    return {
        "service": service,
        "serviceId": service_id,
        "handle": handle,
        "name": name,
        "brandOwned": is_brand,
    }
