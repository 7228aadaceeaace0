"""What fails here fails by the figures as shipped."""

import pytest


@pytest.fixture(autouse=True)
def patient_with_upstreams() -> None:
    """Leave calls their 3 s, and breakers theirs."""
