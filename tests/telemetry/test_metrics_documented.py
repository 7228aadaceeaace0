"""The README's table of metrics says what there is: every name and every label, and no other."""

import re
from pathlib import Path

from casegraph.telemetry.metrics import Metrics
from casegraph.telemetry.tallies import Counters, Family

README = Path(__file__).parents[2] / "README.md"
_ROW = re.compile(r"^\| `(casegraph_\w+)` \|([^|]*)\|")


def test_the_table_of_metrics_is_complete() -> None:
    """Names as the exposition has them, with their labels in order."""
    rows = [_ROW.match(line) for line in README.read_text("utf-8").splitlines()]
    told = {row[1]: tuple(re.findall(r"`(\w+)`", row[2])) for row in rows if row}
    there = {
        each.name + ("_total" if isinstance(each, Counters) else ""): each.labels
        for each in vars(Metrics({"ratings": ["rating"]})).values()
        if isinstance(each, Family)
    }

    assert len(there) >= 15
    assert there == told
