import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.linking.identity import CaseKey, System, normalise


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (None, None),
        ("", None),
        (" \t\n\u00a0\u2003\u3000", None),
        ("4711", "4711"),
        ("\u00a0 4711\u2009\n", "4711"),
        ("Jose\u0301", "Jos\u00e9"),
        ("\u212b", "\u00c5"),
    ],
)
def test_what_nobody_can_see_is_folded(text: str | None, normal: str | None) -> None:
    """Composition and surrounding whitespace are folded away, and a blank id is no id."""
    assert normal == normalise(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("abc", "ABC"),
        ("7", "07"),
        ("a b", "ab"),
        ("a b", "a  b"),
        ("\u2460", "1"),
        ("\uff11", "1"),
        ("ss", "\u00df"),
        ("7", "7.0"),
    ],
)
def test_distinct_ids_stay_distinct(one: str, other: str) -> None:
    """Case, zeros, inner spaces and compatibility variants are never merged."""
    assert normalise(one) != normalise(other)


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    """The normal form is its own normal form, for every text."""
    once = normalise(text)
    assert once == normalise(once)


@given(st.text(), st.text())
def test_ids_merge_only_by_composition_and_outer_space(one: str, other: str) -> None:
    """Two ids share a normal form exactly when their stripped compositions are the same text."""
    same = unicodedata.normalize("NFC", one).strip() == unicodedata.normalize("NFC", other).strip()
    assert same == (normalise(one) == normalise(other))


@given(st.text(min_size=1), st.sampled_from(["", " ", "\u3000"]), st.sampled_from(["NFC", "NFD"]))
def test_every_spelling_of_an_id_has_one_normal_form(text: str, pad: str, form: str) -> None:
    """Padding an id, or decomposing it, leads to the same normal form."""
    assert normalise(text) == normalise(pad + unicodedata.normalize(form, text) + pad)


def test_a_case_key_with_a_blank_half_has_no_normal_form() -> None:
    """A hub without a case, or a case without a hub, names nothing."""
    assert CaseKey("1", "2") == CaseKey(" 1", "2\n").normalised()
    assert CaseKey(" ", "2").normalised() is None
    assert CaseKey("1", "").normalised() is None


def test_the_systems_are_named_as_in_identity_tables() -> None:
    """The names of the systems are those an identity table uses."""
    assert [str(system) for system in System] == ["case_reviews", "ratings", "customer_cases"]
