"""One line per write: who, which fields, how it ended, under which request.

Values of fields are written only where a setting allows it, because a case's name or a customer's
comment is free text about a person; the hash of a rating mail never is.
Invariant: every write that was tried leaves one line, whether or not anybody waited for its end,
and whatever level the other lines have.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from casegraph.telemetry.observer import current_request
from casegraph.writing.outcomes import Ending, WriteOutcome

_log = logging.getLogger("casegraph.audit")
_log.setLevel(logging.INFO)  # a level set for all others must not silence it

_SILENT = frozenset({WriteOutcome.PLANNED, WriteOutcome.REFUSED})
"""Nothing was tried."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Writes the audit lines."""

    tells_values: bool = False

    def tell(
        self, mutation: str, identity: str, asked: Sequence[str], ending: Ending, *, gone: bool
    ) -> None:
        """Write the line of one write; `gone` says that its client did not wait for the end."""
        if ending.outcome in _SILENT or ending.is_repeated:
            return
        request = current_request.get()
        fields = {
            "who": identity,
            "mutation": mutation,
            "object": "/".join(ending.object_key),
            "fields": [change.field for change in ending.changes] or list(asked),
            "result": ending.outcome.value,
            "codes": [error.code.value for error in ending.errors] or None,
            "clientGone": True if gone else None,
            "changes": self._values(ending) if self.tells_values else None,
            "requestId": None if request is None else request.request_id,
        }
        doubtful = ending.outcome is WriteOutcome.UNKNOWN
        _log.log(logging.WARNING if doubtful else logging.INFO, "write", extra={"fields": fields})

    def _values(self, ending: Ending) -> list[str]:
        return [
            msgspec.json.encode([change.field, change.before, change.after]).decode()
            for change in ending.changes
        ]
