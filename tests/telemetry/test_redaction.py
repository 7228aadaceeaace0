"""What may leave: named fields that fit their grammar, whatever they are handed."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.telemetry import redaction
from casegraph.telemetry.logs import FIELDS
from casegraph.telemetry.redaction import REDACTED, Rule, allow
from casegraph.telemetry.tracing import ATTRIBUTES

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=8)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=8)
        | st.tuples(inner, inner)
    ),
    max_leaves=10,
)
FIELD_NAMES = st.sampled_from([*FIELDS, *ATTRIBUTES]) | st.text()
SECRET = "canary/5ecret?token=abc def"


class Loud:
    """An object that must not be asked what it looks like."""

    def __str__(self) -> str:
        raise AssertionError("asked for its text")

    __repr__ = __hash__ = __str__


class LoudText(str):
    """A text whose own methods must not be asked."""

    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("asked for its text")

    __repr__ = __str__


@pytest.mark.parametrize("rules", [FIELDS, ATTRIBUTES], ids=["log", "span"])
@given(st.dictionaries(FIELD_NAMES, ANYTHING))
def test_only_allowed_fields_leave(rules: Mapping[str, Rule], fields: dict[str, object]) -> None:
    """For any fields: no other name, printable ASCII on one line, bounded, and valid JSON."""
    safe = allow(fields, rules)
    assert set(rules) >= set(safe)
    line = json.dumps(safe, ensure_ascii=False, allow_nan=False)
    assert line.isascii()
    assert line.isprintable()
    assert all(len(json.dumps(value)) <= 4000 for value in safe.values())


SPOKEN = {"changes"}
"""Free text, which audit lines hold only where a setting allows it."""
MUTE = [item for item in (*FIELDS.items(), *ATTRIBUTES.items()) if item[0] not in SPOKEN]


@pytest.mark.parametrize("rule", MUTE, ids=lambda item: item[0])
@pytest.mark.parametrize(
    "value",
    [SECRET, SECRET.encode(), [SECRET], {SECRET: 1}, {"A": SECRET}, ValueError(SECRET), Loud()],
    ids=["text", "bytes", "list", "key", "value", "exception", "object"],
)
def test_a_secret_fits_no_field(rule: Any, value: Any) -> None:
    """A text with the marks of a URL, header or sentence leaves in no field, in no wrapping."""
    name, _ = rule
    assert "5ecret" not in json.dumps(allow({name: value}, dict([rule])))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CasePage", "CasePage"),
        ("_x1", "_x1"),
        ("a" * 64, "a" * 64),
        ("a" * 65, "sha256:635361c48bb9eab1"),
        ("", "sha256:e3b0c44298fc1c14"),
        ("Case Page", "sha256:95e0d2112f389f7d"),
        (7, REDACTED),
    ],
)
def test_operation_names(name: Any, expected: Any) -> None:
    """A plain GraphQL name of up to 64 characters leaves as it is, anything else as a digest."""
    assert expected == redaction.operation_name(name)


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        (redaction.request_id, "7f-A", "7f-A"),
        (redaction.request_id, "a\nb", REDACTED),
        (redaction.request_id, "a\n", REDACTED),
        (redaction.request_id, "a" * 65, REDACTED),
        (redaction.hexadecimal, "00ff", "00ff"),
        (redaction.hexadecimal, "00FF", REDACTED),
        (redaction.number, 3, 3),
        (redaction.number, 1.23456, 1.235),
        (redaction.number, HTTPStatus.OK, 200),
        (redaction.number, True, REDACTED),
        (redaction.number, float("nan"), REDACTED),
        (redaction.number, float("inf"), REDACTED),
        (redaction.number, 2**53, REDACTED),
        (redaction.word, "casegraph.edge:answer:12", "casegraph.edge:answer:12"),
        (redaction.word, LoudText("fits"), "fits"),
        (redaction.word, LoudText("fits not"), REDACTED),
        (redaction.one_of(["a"]), "a", "a"),
        (redaction.one_of(["a"]), "b", REDACTED),
        (redaction.one_of(["a"]), LoudText("a"), "a"),
        (redaction.words, ["a", "b c"], ["a", REDACTED]),
        (redaction.text, "tab\tline\nend", "tab line end"),
        (redaction.text, "Zoë\u2028", "Zo\\xeb\\u2028"),
        (redaction.text, "x" * 1000, "x" * 300),
        (redaction.text, 7, REDACTED),
        (redaction.counts_by_code, {"OK": 2, "lower": 1, "B C": 3}, {"OK": 2, "OTHER": 4}),
        (redaction.counts_by_code, {"A": "1", "B": True, "C": -1}, {}),
    ],
)  # fmt: skip
def test_rules(rule: Any, value: Any, expected: Any) -> None:
    """Each rule lets out what its field holds, and a marker in place of anything else."""
    assert expected == rule(value)


def test_a_table_of_codes_is_bounded() -> None:
    """However many codes there are, twenty entries leave and none is lost from the sum."""
    codes = {f"CODE_{chr(65 + n // 26)}{chr(65 + n % 26)}": 1 for n in range(100)}
    table = redaction.counts_by_code(codes)
    assert (len(table), sum(table.values()), table["OTHER"]) == (20, 100, 81)
