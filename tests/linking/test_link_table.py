import dataclasses
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.linking.identity import CaseKey, System
from casegraph.linking.table import IdentityTable, IdentityTableError

few = st.sampled_from(["1", "2", "3", " 1"])
rows = st.lists(st.tuples(few, few, st.sampled_from(list(System)), few))


def test_both_directions_are_indexed() -> None:
    """A row is found by its case and by its id, in its own system only."""
    table = IdentityTable.from_rows([("1", "7", "ratings", "R-7")])
    assert table.external_ids(CaseKey("1", "7"), System.RATINGS) == ("R-7",)
    assert (CaseKey("1", "7"),) == table.case_keys("R-7", System.RATINGS)
    assert table.external_ids(CaseKey("1", "7"), System.CASE_REVIEWS) == ()
    assert table.case_keys("R-7", System.CUSTOMER_CASES) == ()
    assert table.external_ids(CaseKey("2", "7"), System.RATINGS) == ()


def test_many_to_many_is_kept_and_duplicates_are_dropped() -> None:
    """Every distinct claim stays; a claim made twice, or padded, counts once."""
    table = IdentityTable.from_rows(
        [
            ("1", "7", "ratings", "b"),
            ("1", "7", "ratings", "a"),
            (" 1", "7 ", " ratings ", "a\t"),
            ("2", "7", "ratings", "a"),
        ]
    )
    assert len(table) == 3
    assert table.external_ids(CaseKey("1", "7"), System.RATINGS) == ("a", "b")
    assert (CaseKey("1", "7"), CaseKey("2", "7")) == table.case_keys("a", System.RATINGS)


def test_lookups_normalise_what_they_are_asked() -> None:
    """A padded or decomposed question finds the same row, and a blank one finds none."""
    table = IdentityTable.from_rows([("1", "7", "ratings", "\u00e9")])
    assert (CaseKey("1", "7"),) == table.case_keys(" e\u0301", System.RATINGS)
    assert table.external_ids(CaseKey("1 ", " 7"), System.RATINGS) == ("\u00e9",)
    assert table.case_keys(" ", System.RATINGS) == ()
    assert table.external_ids(CaseKey("", "7"), System.RATINGS) == ()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("", "7", "ratings", "a"), "row 2: hub_id is blank"),
        (("1", None, "ratings", "a"), "row 2: case_id is blank"),
        (("1", "7", " ", "a"), "row 2: system is blank"),
        (("1", "7", "ratings", "\u00a0"), "row 2: external_id is blank"),
        (
            ("1", "7", "Ratings", "a"),
            "row 2: system 'Ratings' is not one of case_reviews, ratings, customer_cases",
        ),
    ],
)
def test_a_row_that_cannot_be_understood_is_refused_by_number(row: tuple, reason: str) -> None:
    """A blank cell or an unknown system refuses the table and names the row."""
    with pytest.raises(IdentityTableError) as refusal:
        IdentityTable.from_rows([("1", "7", "ratings", "a"), row])
    assert reason == str(refusal.value)
    assert refusal.value.row == 2


def test_a_table_cannot_be_changed() -> None:
    """Neither the table nor its indexes accept a change."""
    table = IdentityTable.from_rows([("1", "7", "ratings", "a")])
    with pytest.raises(dataclasses.FrozenInstanceError):
        table._ids = {}
    with pytest.raises(TypeError):
        table._ids[System.RATINGS, CaseKey("1", "8")] = ("b",)


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(listed: list, random: Random) -> None:
    """Any order of the same rows, repeated or not, makes the same table."""
    shuffled = [*listed, *listed[:2]]
    random.shuffle(shuffled)
    one, other = IdentityTable.from_rows(listed), IdentityTable.from_rows(shuffled)
    assert (one._ids, one._keys) == (other._ids, other._keys)


@given(rows)
def test_the_directions_agree(listed: list) -> None:
    """A case has an id exactly when the id has the case, and every row is found both ways."""
    table = IdentityTable.from_rows(listed)
    there = {(s, k, found) for (s, k), ids in table._ids.items() for found in ids}
    back = {(s, k, i) for (s, i), keys in table._keys.items() for k in keys}
    claimed = {(s, CaseKey(h.strip(), c.strip()), e.strip()) for h, c, s, e in listed}
    assert claimed == there == back
