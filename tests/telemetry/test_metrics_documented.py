"""The README's table of metrics says what there is: every name and every label, and no other."""

import re
from pathlib import Path

from casegraph.telemetry.metrics import Metrics

README = Path(__file__).parents[2] / "README.md"
_ROW = re.compile(r"^\| `(casegraph_\w+)` \|([^|]*)\|")


def test_the_table_of_metrics_is_complete() -> None:
    """Names as the exposition has them, with their labels in order."""
    rows = [_ROW.match(line) for line in README.read_text("utf-8").splitlines()]
    told = {row[1]: tuple(re.findall(r"`(\w+)`", row[2])) for row in rows if row}
    families = vars(Metrics({"ratings": ["rating"]})).values()
    metrics = [each._metric for each in families if hasattr(each, "_metric")]
    there = {
        each._name + ("_total" if each._type == "counter" else ""): each._labelnames
        for each in metrics
    }

    assert len(there) >= 15
    assert there == told
