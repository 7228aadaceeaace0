"""The four systems read as a plain program would read them, without a line of the gateway's code.

It takes the addresses and credentials from the same settings as the gateway and parses by itself,
so that a misreading in the gateway cannot hide by being made twice.
Invariant: what comes back is the vendors' JSON as it was sent.
"""

import json
from collections.abc import Mapping
from typing import Any

import httpx


class PlainRest:
    """One reader with one connection pool; `environment` is what a gateway would be told."""

    def __init__(self, environment: Mapping[str, str], client: httpx.Client) -> None:
        self._settings = {
            name.removeprefix("CASEGRAPH_"): value for name, value in environment.items()
        }
        self._client = client
        form = {
            "client_id": self._settings["ACTION_MANAGEMENT__CLIENT_ID"],
            "client_secret": self._settings["ACTION_MANAGEMENT__CLIENT_SECRET"],
            "grant_type": "api-user",
            "scope": self._settings["ACTION_MANAGEMENT__SCOPE"],
        }
        token = client.post(self._settings["ACTION_MANAGEMENT__TOKEN_URL"], data=form).json()
        self._bearer = {"authorization": f"Bearer {token['access_token']}"}
        self._session: dict[str, str] = {}

    def actions(self, path: str, body: Any = None, **query: str) -> Any:
        """Read a path of Action Management below the hubs; with a body, by POST."""
        url = f"{self._settings['ACTION_MANAGEMENT__URL']}/hubs/{path}"
        method = "GET" if body is None else "POST"
        answer = self._client.request(
            method, url, json=body, params=query or None, headers=self._bearer
        )
        return _good(answer)

    def all_cases(self, hub_id: int) -> list[dict[str, Any]]:
        """Return every case of a hub in list form."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.actions(f"{hub_id}/cases/query", {"top": 100, "skip": len(found)})
            found += page["items"]
            if not page["items"]:
                return found

    def all_notes(self, hub_id: int) -> list[dict[str, Any]]:
        """Return every note of a hub."""
        found: list[dict[str, Any]] = []
        query = {"dateModifiedStart": "1990-01-01", "top": "1000"}
        while True:
            page = self.actions(f"{hub_id}/notes", **query, skip=str(len(found)))
            found += page["items"]
            if not page["items"]:
                return found

    def all_reviews(self) -> list[dict[str, Any]]:
        """Return every review entry."""
        found: list[dict[str, Any]] = []
        user = f"{self._settings['CASE_REVIEWS__USERNAME']}/token"
        for page in range(1, 1000):
            rows = _good(
                self._client.get(
                    f"{self._settings['CASE_REVIEWS__URL']}/case/reviews",
                    params={"page": page, "per_page": 50, "dir": "asc"},
                    auth=(user, self._settings["CASE_REVIEWS__TOKEN"]),
                )
            )
            found += rows
            if not rows:
                break
        return found

    def ratings(self, case_id: int) -> list[dict[str, Any]]:
        """Return the ratings of a case with the people in them; none of an unknown case."""
        answer = self._client.get(
            f"{self._settings['RATINGS__URL']}/cases/{case_id}/ratings.json",
            params={"limit": "50", "include": "*"},
            headers=self._session,
            auth=None
            if self._session
            else (self._settings["RATINGS__EMAIL"], self._settings["RATINGS__PASSWORD"]),
        )
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        body = _good(answer)
        if "session_id" in body:
            self._session = {"x-session-id": body["session_id"]}
        rows: list[dict[str, Any]] = body["data"]
        return rows

    def customer_cases(self, customer_id: str) -> list[dict[str, Any]]:
        """Return the social cases of a customer; none of an unknown one."""
        url = f"{self._settings['CUSTOMER_CASES__URL']}/customer/{customer_id}/cases"
        name = self._settings["CUSTOMER_CASES__AUTH_HEADER"]
        headers = {name: self._settings["CUSTOMER_CASES__AUTH_VALUE"]}
        answer = self._client.get(url, headers=headers)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        rows: list[dict[str, Any]] = _good(answer)
        return rows


def _good(answer: httpx.Response) -> Any:
    assert answer.is_success, (answer.status_code, answer.url)
    return json.loads(answer.content)
