"""A real Chromium as a person uses it, and what one page asked for and complained about."""

import os
from typing import Any, NoReturn

import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
PATIENCE_MS = 30_000


def unavailable(reason: str) -> NoReturn:
    """Skip, or fail where the run promises that everything is there."""
    if os.environ.get("CI_RUN") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


class Visit:
    """One page, what it asked for and what it complained about."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._note)
        page.expose_function("noteViolation", self._note_violation)
        page.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " event => noteViolation(`${event.violatedDirective} ${event.blockedURI}`))"
        )
        page.set_default_timeout(PATIENCE_MS)

    def _note(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _note_violation(self, text: str) -> None:
        self.complaints.append(text)

    def open(self) -> "Visit":
        """Load the page and wait until its editor can be used."""
        self.page.goto(self.url)
        self.page.locator(".graphiql-query-editor .view-line").first.wait_for()
        return self

    def run(self) -> None:
        """Press the run button."""
        self.page.locator("button.graphiql-execute-button").click()

    def response_shows(self, text: str) -> None:
        """Wait until the response pane shows a text."""
        self.page.locator(".graphiql-response .view-lines", has_text=text).wait_for()

    def outside(self) -> list[str]:
        """Return the requests that were not for the server under test."""
        own = (self.url, "data:", f"blob:{self.url}")
        return [url for url in self.requests if not url.startswith(own)]
