"""The corpus of ids that try to leave their place in a path (tests/attacks/ids.txt).

One JSON string a line, because some of them hold NULs and line ends.
"""

import json
from pathlib import Path

_FILE = Path(__file__).parent.parent / "attacks" / "ids.txt"

HOSTILE_IDS: tuple[str, ...] = tuple(
    json.loads(line) for line in _FILE.read_text(encoding="ascii").splitlines() if line
)
"""Every id of the corpus; none is a plain number that an upstream could have given out."""
