import pytest

from casegraph.linking.identity import CaseKey, System
from casegraph.linking.linker import (
    Ambiguous,
    AmbiguousCase,
    AskHubs,
    Known,
    Linked,
    NoLink,
    SearchField,
    backward,
    forward,
    matches,
    settle,
)
from casegraph.linking.rules import CaseIdRule, DataFieldRule, LinkRuleError, Rule, TableRule
from casegraph.linking.table import IdentityTable

KEY = CaseKey("1", "7")
BY_CASE_ID = CaseIdRule()
BY_FIELD = DataFieldRule("customer_id")
BY_TABLE = TableRule("ids.csv")
TABLE = IdentityTable.from_rows(
    [
        ("1", "7", "customer_cases", "C-7"),
        ("1", "8", "customer_cases", "C-8"),
        ("1", "8", "customer_cases", "C-88"),
        ("2", "9", "customer_cases", "C-8"),
    ]
)
SYSTEM = System.CUSTOMER_CASES


def test_case_id_links_a_case_to_its_own_number() -> None:
    """Under case_id the other system's id is the case's id, in normal form."""
    assert Linked("7") == forward(BY_CASE_ID, CaseKey("1", " 7"), [], None, SYSTEM)
    assert NoLink() == forward(BY_CASE_ID, CaseKey("1", " "), [], None, SYSTEM)


@pytest.mark.parametrize(
    ("fields", "link"),
    [
        ([], NoLink()),
        ([("customer_id", None), ("customer_id", "  ")], NoLink()),
        ([("other", "C-1"), (None, "C-2"), ("Customer_id", "C-3")], NoLink()),
        ([("customer_id", " C-7 ")], Linked("C-7")),
        ([(" customer_id", "C-7"), ("customer_id", "C-7\n"), ("customer_id", "")], Linked("C-7")),
        ([("customer_id", "b"), ("customer_id", "a")], Ambiguous(("a", "b"))),
        ([("customer_id", "C-7"), ("customer_id", "c-7")], Ambiguous(("C-7", "c-7"))),
    ],
)
def test_a_data_field_links_by_its_distinct_values(fields: list, link: object) -> None:
    """Blank values are no evidence, equal ones are one link, distinct ones are ambiguous."""
    assert link == forward(BY_FIELD, KEY, fields, None, SYSTEM)


def test_a_table_links_by_its_rows() -> None:
    """Under a table rule the rows of this case and system decide, and nothing else."""
    evidence = [("customer_id", "misleading")]
    assert Linked("C-7") == forward(BY_TABLE, KEY, evidence, TABLE, SYSTEM)
    assert Ambiguous(("C-8", "C-88")) == forward(
        BY_TABLE, CaseKey("1", "8"), evidence, TABLE, SYSTEM
    )
    assert NoLink() == forward(BY_TABLE, CaseKey("3", "7"), evidence, TABLE, SYSTEM)
    assert NoLink() == forward(BY_TABLE, KEY, evidence, TABLE, System.RATINGS)


def test_a_table_rule_without_its_table_is_refused() -> None:
    """Following a table rule without its table is an error both ways, never "no link"."""
    with pytest.raises(LinkRuleError):
        forward(BY_TABLE, KEY, [], None, SYSTEM)
    with pytest.raises(LinkRuleError):
        backward(BY_TABLE, "C-7", ["1"], None, SYSTEM)
    with pytest.raises(LinkRuleError):
        matches(BY_TABLE, KEY, "C-7", [], None, SYSTEM)


@pytest.mark.parametrize(
    ("hubs", "answer"),
    [
        ([], Known(())),
        (["1"], Known((KEY,))),
        (["1", " 1 ", ""], Known((KEY,))),
        (["2", "1"], AskHubs("7", ("2", "1"))),
        (["2", "1", "2 "], AskHubs("7", ("2", "1"))),
    ],
)
def test_a_case_id_leads_back_through_the_hubs(hubs: list[str], answer: object) -> None:
    """One hub decides the case; of several distinct hubs each is to be asked."""
    assert answer == backward(BY_CASE_ID, " 7", hubs, None, SYSTEM)


def test_a_data_field_leads_back_through_a_search() -> None:
    """The cases of the hubs are to be searched for the value, and without hubs there are none."""
    assert SearchField("customer_id", "C-7", ("2", "1")) == backward(
        BY_FIELD, "C-7 ", ["2", "1"], None, SYSTEM
    )
    assert Known(()) == backward(BY_FIELD, "C-7", [], None, SYSTEM)


def test_a_table_leads_back_to_the_cases_it_names() -> None:
    """The table knows none, one or several cases, whatever hubs are configured."""
    assert Known((KEY,)) == backward(BY_TABLE, "C-7", [], TABLE, SYSTEM)
    assert Known((CaseKey("1", "8"), CaseKey("2", "9"))) == backward(
        BY_TABLE, "C-8", ["1"], TABLE, SYSTEM
    )
    assert Known(()) == backward(BY_TABLE, "C-9", ["1"], TABLE, SYSTEM)


@pytest.mark.parametrize("rule", [BY_CASE_ID, BY_FIELD, BY_TABLE])
def test_a_blank_id_belongs_to_no_case(rule: Rule) -> None:
    """No rule leads from a blank id to a case, or lets a case match it."""
    assert Known(()) == backward(rule, " \u3000", ["1", "2"], TABLE, SYSTEM)
    assert matches(rule, KEY, " ", [("customer_id", " ")], TABLE, SYSTEM) is False


def test_a_case_matches_each_id_it_claims() -> None:
    """A case matches its ids and no others; with several claims it matches each."""
    fields = [("customer_id", "a"), ("customer_id", "b")]
    assert matches(BY_FIELD, KEY, " a", fields, None, SYSTEM) is True
    assert matches(BY_FIELD, KEY, "b", fields, None, SYSTEM) is True
    assert matches(BY_FIELD, KEY, "A", fields, None, SYSTEM) is False
    assert matches(BY_CASE_ID, KEY, "7", fields, None, SYSTEM) is True
    assert matches(BY_TABLE, KEY, "C-8", fields, TABLE, SYSTEM) is False


def test_findings_are_settled_without_guessing() -> None:
    """None, one and several distinct findings read as nothing, that case, and an ambiguity."""
    other = CaseKey("2", "7")
    assert settle([]) is None
    assert settle([KEY, CaseKey(" 1", "7")]) == KEY
    assert settle([other, KEY, other]) == AmbiguousCase((KEY, other))
