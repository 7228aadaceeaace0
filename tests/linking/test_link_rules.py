import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.linking.identity import normalise
from casegraph.linking.rules import (
    CaseIdRule,
    DataFieldRule,
    LinkRuleError,
    Rule,
    TableRule,
    parse_rule,
)

visible_text = st.text(min_size=1).filter(lambda text: normalise(text) is not None)
rules = st.one_of(
    st.just(CaseIdRule()), visible_text.map(DataFieldRule), visible_text.map(TableRule)
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("case_id", CaseIdRule()),
        (" case_id\n", CaseIdRule()),
        ("data_field:customer_id", DataFieldRule("customer_id")),
        ("data_field: Customer: number ", DataFieldRule("Customer: number")),
        ("table:/etc/casegraph/ids.csv", TableRule("/etc/casegraph/ids.csv")),
        ("table:ids.db", TableRule("ids.db")),
    ],
)
def test_the_three_forms_are_understood(text: str, rule: Rule) -> None:
    """Each form parses to its rule; everything after the first colon is the name or path."""
    assert rule == parse_rule(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "case_ids",
        "Case_id",
        "case_id:x",
        "data_field",
        "data_field:",
        "data_field: \u3000",
        "table",
        "table: ",
        "tables:x",
    ],
)
def test_anything_else_is_refused_with_the_allowed_forms(text: str) -> None:
    """A text in no form is refused in a sentence that names all three."""
    with pytest.raises(LinkRuleError) as refusal:
        parse_rule(text)
    assert str(refusal.value).endswith("case_id, data_field:NAME or table:PATH")


@given(rules)
def test_a_printed_rule_parses_to_itself(rule: Rule) -> None:
    """Printing a rule and parsing the print gives the rule back."""
    assert rule == parse_rule(str(rule))
