"""The rows of Action Management: hubs, end users, cases and notes, printed from the stories.

Invariant: a case refers only to items, roles, workflows and users that its hub has; note ids rise
with the time of creation over the whole hub.
"""

import random
from datetime import datetime, timedelta

from casegraph.sandbox.world_clock import SPAN
from casegraph.sandbox.world_plans import Link
from casegraph.sandbox.world_program import (
    CASE_OWNER,
    CAUSE_LIST,
    CHANNEL_LIST,
    CHANNELS,
    DATA_FIELDS,
    FIRST_CASE,
    NOT_STARTED,
    ONLINE_SHOP,
    RESOLVED,
    SECOND_CUSTOMER_FIELD,
    SEVERITY_LIST,
    STATUS_LIST,
    STORE_LIST,
    TEAM_LEAD,
    TRIGGERS,
    WATCHER,
    WORKFLOWS,
    Program,
)
from casegraph.sandbox.world_staff import (
    LANGUAGES,
    LEADS,
    QUALITY,
    STAFF,
    STORE_MANAGERS,
    Colleague,
    members,
)
from casegraph.sandbox.world_stories import Story
from casegraph.upstreams.action_management.store import Hub, Row, Store

CUSTOMER_CARE, STORE_OPERATIONS = 96, 97
"""Hub ids: the first has a program, the second has none."""

_FIRST_NOTE = 9_120_400
_DAYS_TO_SOLVE = {"Critical": 1, "High": 2, "Medium": 4, "Low": 7}
_SEVERITY_BY_ANGER = (
    ("Critical", "High", "High", "High"),
    ("High", "Medium", "Medium"),
    ("Medium", "Medium", "Low"),
    ("Low", "Low", "Medium"),
)
"""From the angriest quarter of the scale to the mildest."""

_NPS_WEIGHTS = (14, 10, 12, 13, 12, 11, 9)
"""A score above six would not have opened a case."""

_BLANK_NPS_SHARE = 0.04


class CaseDesk:
    """Fills the store of Action Management, story by story."""

    def __init__(self, rng: random.Random, now: datetime) -> None:
        self._rng = rng
        live_since = (now - SPAN).replace(minute=0, second=0) + timedelta(hours=2)
        self._program = Program(live_since)
        self.store = Store(
            hubs={
                CUSTOMER_CARE: Hub(
                    CUSTOMER_CARE,
                    "Customer Care",
                    user_list_id=906,
                    workflows=dict(WORKFLOWS),
                    lists=self._program.lists,
                    roles=self._program.roles,
                    users={one.user_id: _user_row(one) for one in STAFF},
                ),
                STORE_OPERATIONS: Hub(
                    STORE_OPERATIONS,
                    "Store Operations",
                    has_program=False,
                    user_list_id=907,
                    users={one.user_id: _user_row(one) for one in STORE_MANAGERS},
                ),
            }
        )
        self._cases = self.store.hubs[CUSTOMER_CARE].cases

    def add_case(self, story: Story, customer_ids: tuple[str, ...]) -> None:
        """Add the row of a case; of several customer ids each gets a data field of its own."""
        nps = self._rng.choices(range(len(_NPS_WEIGHTS)), _NPS_WEIGHTS)[0]
        severity = self._rng.choice(
            _SEVERITY_BY_ANGER[nps * len(_SEVERITY_BY_ANGER) // len(_NPS_WEIGHTS)]
        )
        trigger = TRIGGERS[story.topic.category]
        row: Row = {
            "id": story.case_id,
            "name": story.title,
            "workflowId": trigger.workflow_id,
            "cost": self._cost(story),
            "dateCreated": story.created,
            "dateModified": story.updated,
            "listValues": self._list_values(story, severity),
            "roles": self._roles(story, severity),
            "dataFields": [],
        }
        if story.plan.has_due_date:
            row |= self._due_dates(story, severity)
        if not story.plan.hand_made:
            row |= {"triggerId": trigger.trigger_id, "triggerName": trigger.name}
            row["dataFields"] = self._data_fields(story, nps, customer_ids)
            row["source"] = {
                "responseId": str(48_200 + 3 * (story.case_id - FIRST_CASE) + nps % 3),
                "surveyId": trigger.survey_id,
                "sourceId": f"s{1 + trigger.trigger_id % 4}",
            }
        self._cases[story.case_id] = row

    def add_notes(self, stories: list[Story]) -> None:
        """Add the notes of all stories at once, because their ids follow time, not cases."""
        entries = [(entry, story.case_id) for story in stories for entry in story.entries]
        entries.sort(key=lambda pair: pair[0].moment)
        notes = self.store.hubs[CUSTOMER_CARE].notes
        for note_id, (entry, case_id) in enumerate(entries, _FIRST_NOTE):
            note: Row = {
                "id": note_id,
                "caseId": case_id,
                "comments": entry.text,
                "isSystemGenerated": entry.author is None,
                "dateCreated": entry.moment,
            }
            if entry.author is not None:
                note["createdBy"] = entry.author.user_id
                note["modifiedBy"] = (entry.editor or entry.author).user_id
                note["dateModified"] = entry.edited or entry.moment
            notes[note_id] = note

    def _cost(self, story: Story) -> float:
        if story.status != RESOLVED or self._rng.random() < 1 / 2:
            return 0
        return self._rng.choice((25, 40, 49.9, 59, 89.5, 120, round(self._rng.uniform(8, 190), 2)))

    def _due_dates(self, story: Story, severity: str) -> Row:
        days = _DAYS_TO_SOLVE[severity]
        due = story.created.replace(minute=0, second=0) + timedelta(days=days, hours=1)
        return {
            "preOverDueDateTime": due - timedelta(hours=6 * days),
            "dateDue": due,
            "postOverDueDateTime": due + timedelta(days=1),
        }

    def _list_values(self, story: Story, severity: str) -> list[Row]:
        program, rng = self._program, self._rng
        channel = rng.choice(CHANNELS[1:]) if story.plan.hand_made else CHANNELS[0]
        if rng.random() < 1 / 4:
            channel = rng.choice(CHANNELS)
        values = [
            program.value(STATUS_LIST, story.status),
            program.value(SEVERITY_LIST, severity),
            program.category_value(story.topic),
            program.value(STORE_LIST, ONLINE_SHOP if story.is_online else story.store),
            program.value(CHANNEL_LIST, channel),
        ]
        if story.closed or (story.contacted and rng.random() < 1 / 2):
            values.append(program.value(CAUSE_LIST, rng.choice(story.topic.causes)))
        return values

    def _roles(self, story: Story, severity: str) -> list[Row]:
        rng = self._rng
        is_untouched = story.status == NOT_STARTED and not story.plan.owner_left
        owners = [] if is_untouched and rng.random() < 1 / 2 else [story.owner.user_id]
        leads: list[int] = []
        if severity in {"Critical", "High"} or rng.random() < 1 / 3:
            leads = [rng.choice(members(LEADS)).user_id]
        watchers = [
            one.user_id for one in rng.sample(members(QUALITY), rng.choice((0, 0, 0, 1, 2)))
        ]
        if leads and rng.random() < 1 / 8:
            watchers = [*leads, *watchers]
        return [
            {"id": CASE_OWNER, "users": owners},
            {"id": TEAM_LEAD, "users": leads},
            {"id": WATCHER, "users": watchers},
        ]

    def _data_fields(self, story: Story, nps: int, customer_ids: tuple[str, ...]) -> list[Row]:
        is_blank = self._rng.random() < _BLANK_NPS_SHARE
        values = {
            "customer_id": customer_ids[0] if customer_ids else "",
            "email": story.person.email,
            "nps": "" if is_blank else str(nps),
            "overall_satisfaction": "" if is_blank else str(1 + nps // 3),
            "country": story.person.country.code,
            "order_number": story.words["order"],
            "comment": story.comment,
        }
        rows: list[Row] = [
            {"id": number, "name": label, "value": values[question], "questionName": question}
            for question, (number, label) in DATA_FIELDS.items()
        ]
        for customer_id in customer_ids[1:]:
            number, label = SECOND_CUSTOMER_FIELD
            rows.append(
                {"id": number, "name": label, "value": customer_id, "questionName": "customer_id"}
            )
        return rows


def customer_texts(link: Link, customer_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids as they stand in the data fields: padded in the one case that pads."""
    if link is Link.PADDED:
        return tuple(f"  {customer_id} " for customer_id in customer_ids)
    return customer_ids


def _user_row(one: Colleague) -> Row:
    row: Row = {
        "id": one.user_id,
        "userName": one.user_name,
        "firstName": one.first,
        "lastName": one.last,
        "email": one.email,
        "language": LANGUAGES[one.language],
        "isActive": one.is_active,
    }
    if one.comment:
        row["comment"] = one.comment
    return row
