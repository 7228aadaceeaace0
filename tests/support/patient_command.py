"""The command line, patient with its Redis: for tests on a machine that may hold either up.

As shipped a gateway gives Redis some milliseconds and then goes on without it; a test of what two
processes tell each other through it would then find nothing told.
"""

from casegraph.cli import main
from support.patience import patience_with_redis

if __name__ == "__main__":
    with patience_with_redis():
        main()
