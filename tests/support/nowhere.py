"""Settings of a gateway whose upstreams are configured and must not be called."""

NOWHERE = "http://127.0.0.1:9"
SETTINGS = {
    "ACTION_MANAGEMENT__URL": NOWHERE,
    "ACTION_MANAGEMENT__TOKEN": "t",
    "ACTION_MANAGEMENT__HUBS": "96",
    "CASE_REVIEWS__URL": NOWHERE,
    "CASE_REVIEWS__USERNAME": "u",
    "CASE_REVIEWS__TOKEN": "t",
    "RATINGS__URL": NOWHERE,
    "RATINGS__TOKEN": "t",
    "CUSTOMER_CASES__URL": NOWHERE,
    "CUSTOMER_CASES__AUTH_VALUE": "v",
}
"""By name, without their prefix."""
