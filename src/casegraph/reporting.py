"""What the process tells of itself, put together from settings: log lines, metrics, traces.

Invariant: nothing is told but what the closed lists of `telemetry` allow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from casegraph.errors import SettingsInvalid
from casegraph.settings import Settings
from casegraph.settings_groups import PREFIX
from casegraph.telemetry.metrics import Metrics
from casegraph.telemetry.reporter import Reporter
from casegraph.telemetry.tracing import Tracing, TracingError, open_tracing
from casegraph.upstreams.action_management.client import OPERATIONS as ACTION_MANAGEMENT
from casegraph.upstreams.base import Operation
from casegraph.upstreams.case_reviews.client import OPERATIONS as CASE_REVIEWS
from casegraph.upstreams.customer_cases.client import OPERATIONS as CUSTOMER_CASES
from casegraph.upstreams.ratings.client import OPERATIONS as RATINGS

_OPERATIONS: Mapping[str, tuple[Operation, ...]] = {
    "action_management": ACTION_MANAGEMENT,
    "case_reviews": CASE_REVIEWS,
    "ratings": RATINGS,
    "customer_cases": CUSTOMER_CASES,
}


@dataclass(frozen=True, slots=True)
class Reporting:
    """The one observer of the process, and what it feeds."""

    reporter: Reporter
    metrics: Metrics
    tracing: Tracing


def open_reporting(settings: Settings) -> Reporting:
    """Return the process's reporting; raises SettingsInvalid for a collector that cannot be."""
    operations = {name: [each.name for each in known] for name, known in _OPERATIONS.items()}
    metrics = Metrics(operations)
    otel = settings.otel
    try:
        tracing = open_tracing(
            otel.endpoint,
            headers={name: value.get_secret_value() for name, value in otel.headers.items()},
            sample_ratio=otel.sample_ratio,
            version=version("casegraph"),
        )
    except TracingError as error:
        raise SettingsInvalid(f"{PREFIX}OTEL__ENDPOINT: {error}") from None
    return Reporting(Reporter(operations, metrics, tracing), metrics, tracing)
