"""Bodies in the shapes that the vendors publish, with data of our own and their oddities left in.

They are plain values under the vendors' names, written by hand from the contracts and not made by
the simulators, so that client and simulator cannot share a misreading.
Invariant: nobody changes them, for they share parts; a test works on a copy made through JSON.
"""

from typing import Any

Body = Any

_ANNA: Body = {
    "id": 4711,
    "userName": "anna.berg",
    "isActive": True,
    "links": {"self": "/v1/hubs/96/enduserlists/12/users/4711"},
}
_BOB: Body = {"id": 4712, "userName": "bob.lund", "isActive": False, "links": {"self": "/x"}}

CASE_ITEM: Body = {
    "id": 31001,
    "name": "Late delivery, order 118",
    "workflowId": 7,
    "workflowName": "Standard recovery",
    "cost": 120,
    "isClosed": False,
    "triggerId": 55,
    "triggerName": "NPS below 7",
    "dateCreated": "2023-03-14T08:15:00+00:00",
    "listValues": [
        {"listId": 9423, "id": 986, "name": "New", "type": "status", "isOpen": True},
        {"listId": 9424, "id": 990, "name": "High", "type": "severity", "isHigh": True},
        {
            "listId": 9425,
            "id": 995,
            "name": "Delivery",
            "type": "category",
            "subCategoryId": 7710,
            "subCategoryName": "Late",
        },
    ],
    "roles": [
        {
            "id": 3456,
            "caseId": 31001,
            "name": "Owner",
            "workflowRoleIsActive": False,
            "users": [_ANNA, _BOB],
        },
        {
            "id": 3457,
            "caseId": 31001,
            "name": "Watcher",
            "workflowRoleIsActive": False,
            "users": [],
        },
    ],
    "dataFields": [
        {"id": 1, "caseId": 31001, "name": "Score", "value": "3", "questionName": "nps"},
        {"id": 2, "caseId": 31001, "name": "Remark", "value": "", "questionName": "remark"},
    ],
    "links": {
        "self": "http://ws.example/v1/actionmanagement/hubs/96/cases/31001",
        "notes": "http://ws.example/v1/actionmanagement/hubs/96/cases/31001/notes",
    },
}
"""A case in list form: no dates but one, no source."""

CASE_DETAILS: Body = {
    **{name: value for name, value in CASE_ITEM.items() if name != "workflowName"},
    "isOverDue": False,
    "dateDue": "2023-03-21T08:15:00-07:00",
    "preOverDueDateTime": "2023-03-20T08:15:00-08:00",
    "postOverDueDateTime": "2023-03-22T08:15:00+00:00",
    "dateModified": "2023-03-15T10:00:00+00:00",
    "source": {"responseId": "81", "surveyId": "p3081", "sourceId": "s1"},
}
"""The same case in details form: no name of the workflow."""

CASE_PAGE: Body = {
    "links": {},
    "items": [CASE_ITEM],
    "totalCount": 2500,
    "itemCount": 1,
    "itemType": "CaseListItem",
}

NOTE: Body = {
    "id": 5002,
    "caseId": 31001,
    "comments": "Called back.",
    "isSystemGenerated": False,
    "createdBy": _ANNA,
    "modifiedBy": _BOB,
    "dateCreated": "2023-05-02T09:00:00+00:00",
    "dateModified": "2023-05-03T09:00:00+00:00",
    "links": {"self": "/v1/actionmanagement/hubs/96/cases/31001/notes/5002"},
}
SYSTEM_NOTE: Body = {
    "id": 5001,
    "caseId": 31001,
    "comments": "Case created",
    "isSystemGenerated": True,
    "dateCreated": "2023-05-01T09:00:00+00:00",
    "links": {"self": "/v1/actionmanagement/hubs/96/cases/31001/notes/5001"},
}
NOTE_PAGE: Body = {
    "itemType": "CaseNote",
    "itemCount": 2,
    "totalCount": 2,
    "items": [NOTE, SYSTEM_NOTE],
    "links": {},
}

PROGRAM_LIST: Body = {
    "id": 9425,
    "name": "Category",
    "type": "category",
    "lastUpdated": "2023-01-01T00:00:00+00:00",
    "defaultItem": 11001,
    "items": [
        {
            "listId": 9424,
            "id": 995,
            "name": "Delivery",
            "type": "category",
            "subCategories": [
                {"listId": 9425, "listItemId": 995, "id": 7710, "name": "Late"},
                {"listId": 9425, "listItemId": 995, "id": 7710, "name": "Damaged"},
            ],
        },
        {"listId": 9425, "id": 996, "name": "Billing", "type": "category"},
    ],
    "links": {},
}
"""A foreign listId (Q2), a subcategory id used twice (Q3), a dangling default (Q4)."""
CUSTOM_LIST: Body = {
    "id": 9425,
    "name": "Region",
    "type": "custom",
    "lastUpdated": "2023-01-01T00:00:00+00:00",
    "items": [{"listId": 9425, "id": 1, "name": "North", "type": "custom"}],
    "links": {},
}
"""Shares its id with the category list (Q1)."""
PROGRAM_LISTS: Body = {
    "itemType": "ProgramList",
    "itemCount": 2,
    "totalCount": 2,
    "items": [PROGRAM_LIST, CUSTOM_LIST],
    "links": {},
}

ROLE: Body = {
    "id": 3456,
    "name": "Owner",
    "lastUpdated": "2024-10-22T15:41:11.0124009+00:00",
    "links": {},
}
ROLES: Body = {"itemType": "Role", "itemCount": 1, "totalCount": 1, "items": [ROLE], "links": {}}
HUB: Body = {"id": 6254, "name": "North"}
HUBS: Body = {"itemCount": 1, "totalCount": 1, "items": [HUB], "links": {}}

REVIEW_ENTRY: Body = {
    "id": 801,
    "case_id": 4400000001,
    "user_id": 17,
    "review_id": 3,
    "status": "submitted",
    "is_auto_generated": True,
    "review_date": "2023-06-01",
    "created_at": "2023-06-01 10:00:00",
    "updated_at": "2023-06-02T10:00:00Z",
    "completed_at": None,
    "Case": {"id": 4400000001, "formatted_case_number": "44-1"},
    "User": {"id": 17, "first_name": "Ada", "last_name": "Byron", "name": "Ada Byron"},
    "Review": {"id": 3, "name": "Field report"},
    "ReviewAnswers": [
        {"question_id": 1, "label": "On time?", "type": "yes_no", "value": True},
        {"question_id": 2, "label": "How many visits?", "type": "number", "value": 2, "score": 5},
        {"question_id": 3, "label": "Remarks", "type": "text", "value": ""},
    ],
}
REVIEW_COUNTS: Body = {"record_count": 101, "page_count": 2}

RATING: Body = {
    "id": 12345678901,
    "score": "GOOD",
    "comment": "Quick.",
    "case": {"id": 98765432109, "resource_type": "case"},
    "creator": {"id": 50, "full_name": "Cleo", "resource_type": "user_minimal"},
    "assignee_agent": {"id": 60, "full_name": "Alma", "resource_type": "user_minimal"},
    "assignee_team": {"id": 4, "legacy_id": None, "title": "Field", "resource_type": "team"},
    "created_at": "2017-01-13T17:00:00+05:00",
    "updated_at": "2017-01-13T17:30:00+05:00",
    "resource_type": "rating",
    "resource_url": "https://tenant.example/api/v1/cases/ratings/12345678901",
}
PERSON_RATING: Body = {
    **{name: value for name, value in RATING.items() if name != "assignee_agent"},
    "assignee_person": RATING["assignee_agent"],
}
"""The spelling of the field table."""
CONVERSATION_RATING: Body = {
    "id": 7,
    "score": "BAD",
    "comment": None,
    "conversation": {"id": 12, "resource_type": "conversation"},
    "creator": {"id": 50, "resource_type": "user_minimal"},
    "created_at": "2017-01-13T12:00:00+00:00",
    "updated_at": "2017-01-13T12:00:00+00:00",
}
RATING_LIST: Body = {
    "status": 200,
    "data": [RATING, {**RATING, "id": 12345678902, "score": "BAD", "assignee_agent": None}],
    "resource": "rating",
    "offset": 0,
    "limit": 100,
    "total_count": 2,
    "notifications": [{"type": "INFO", "message": "Maintenance on Sunday", "sticky": False}],
    "logs": [{"level": "NOTICE", "message": "deprecated argument"}],
}
RECENT_RATINGS: Body = {"status": 200, "data": [RATING], "resource": "rating", "total_count": 1}
CREATED_RATING: Body = {"status": 201, "data": RATING, "resource": "rating"}
"""Comes with HTTP 200 too."""
TRIGGERED: Body = {"status": 201}
RATING_CASE: Body = {"id": 98765432109, "rating": "GOOD", "rating_status": "RECEIVED"}
RATING_CASES: Body = {
    "status": 200,
    "data": [RATING_CASE, {"id": 2, "rating": None, "rating_status": "OFFERED"}],
    "resource": "case",
    "offset": 0,
    "limit": 100,
    "total_count": 2,
}


def kayako_error(status: int, code: str) -> Body:
    """Return an error body of the ratings system."""
    fault = {"code": code, "message": "In the vendor's words", "more_info": "https://dev.example"}
    return {"status": status, "errors": [fault]}


CUSTOMER_CASE: Body = {
    "id": "crm-21",
    "number": "CS-21",
    "customerId": "acme/7",
    "title": "Line is dead",
    "description": "No signal since Monday.",
    "url": "https://crm.example/cases/21",
    "created": "2020-02-01T10:00:00.000Z",
    "lastUpdated": "2020-02-02T10:00:00Z",
    "status": "open",
    "interactions": [
        {
            "created": "2020-02-01T09:59:00Z",
            "body": "My line is dead",
            "linkUrl": "",
            "serviceId": "1223334444",
            "service": "facebook",
            "contentType": "post",
            "author": {
                "service": "facebook",
                "serviceId": "998",
                "handle": "@cleo",
                "name": "Cleo",
                "brandOwned": False,
            },
        }
    ],
    "productLine": "Mobile",
    "isUrgent": True,
}
