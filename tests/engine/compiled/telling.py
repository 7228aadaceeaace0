"""What an answer tells of its errors, as far as two engines have to agree on it."""

from typing import Any


def told(result: Any) -> list[tuple[str, Any, Any, str]]:
    """Return what is told of a result's errors, in an order of their own."""
    return sorted(
        (
            error.message,
            error.path,
            [(each.line, each.column) for each in error.locations or ()],
            type(error.original_error).__name__,
        )
        for error in result.errors or ()
    )
