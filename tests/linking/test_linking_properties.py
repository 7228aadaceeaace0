from random import Random

from hypothesis import given
from hypothesis import strategies as st

from casegraph.linking.identity import CaseKey, System, normalise
from casegraph.linking.linker import (
    Ambiguous,
    AskHubs,
    Known,
    Link,
    Linked,
    NoLink,
    SearchField,
    backward,
    forward,
    matches,
    settle,
)
from casegraph.linking.rules import CaseIdRule, DataFieldRule, Rule, TableRule
from casegraph.linking.table import IdentityTable

ids = st.sampled_from(["1", "2", "3", " 2 ", "e\u0301", "\u00e9", "A", "a", "\u3000"])
shown = ids.filter(lambda text: normalise(text) is not None)
keys = st.builds(CaseKey, shown, shown)
systems = st.sampled_from(list(System))
rules = st.sampled_from([CaseIdRule(), DataFieldRule("x"), TableRule("t")])
fields = st.lists(st.tuples(st.sampled_from(["x", " x", "y", None]), st.none() | ids))
tables = st.lists(st.tuples(shown, shown, systems, shown)).map(IdentityTable.from_rows)


def found(
    rule: Rule, external_id: str, world: dict, table: IdentityTable, system: System
) -> set[CaseKey]:
    """Return the cases of a small world that the backward rule leads to, as a caller finds them."""
    answer = backward(rule, external_id, [key.hub_id for key in world], table, system)
    match answer:
        case Known(known):
            return set(known)
        case AskHubs(case_id, hubs):
            return {
                key
                for key in map(CaseKey.normalised, world)
                if key in {CaseKey(hub, case_id) for hub in hubs}
            }
        case SearchField(_, value, hubs):
            return {
                key.normalised()
                for key, evidence in world.items()
                if normalise(key.hub_id) in hubs
                and matches(rule, key, value, evidence, table, system)
            }


def candidates(link: Link) -> tuple[str, ...]:
    """Return the ids a link names, one or many."""
    match link:
        case Linked(external_id):
            return (external_id,)
        case Ambiguous(several):
            return several
        case NoLink():
            return ()


@given(rules, st.dictionaries(keys, fields, min_size=1), tables, systems)
def test_forward_then_backward_finds_the_case(
    rule: Rule, world: dict, table: IdentityTable, system: System
) -> None:
    """Whatever id a case is linked to, that id leads back to the case."""
    for key, evidence in world.items():
        for external_id in candidates(forward(rule, key, evidence, table, system)):
            assert key.normalised() in found(rule, external_id, world, table, system)


@given(rules, shown, st.dictionaries(keys, fields, min_size=1), tables, systems)
def test_backward_then_forward_finds_the_id(
    rule: Rule, external_id: str, world: dict, table: IdentityTable, system: System
) -> None:
    """Whatever case an id leads back to, that case claims the id."""
    evidence_of = {}
    for key, evidence in world.items():
        evidence_of.setdefault(key.normalised(), []).extend(evidence)
    for key in found(rule, external_id, world, table, system):
        evidence = evidence_of.get(key, [])
        link = forward(rule, key, evidence, table, system)
        assert normalise(external_id) in candidates(link)


@given(rules, keys, fields, tables, systems, st.randoms(use_true_random=False))
def test_the_order_of_evidence_does_not_change_the_link(
    rule: Rule, key: CaseKey, evidence: list, table: IdentityTable, system: System, random: Random
) -> None:
    """Shuffled and repeated evidence gives the same link."""
    shuffled = [*evidence, *evidence[:1]]
    random.shuffle(shuffled)
    assert forward(rule, key, evidence, table, system) == forward(
        rule, key, shuffled, table, system
    )


@given(st.lists(keys), st.randoms(use_true_random=False))
def test_the_order_of_findings_does_not_change_the_case(findings: list, random: Random) -> None:
    """Shuffled and repeated findings settle on the same answer."""
    shuffled = [*findings, *findings[:1]]
    random.shuffle(shuffled)
    assert settle(findings) == settle(shuffled)


@given(keys, keys, tables, systems)
def test_cases_that_share_no_evidence_never_merge(
    one: CaseKey, other: CaseKey, table: IdentityTable, system: System
) -> None:
    """Under each rule two cases share an id only if number, field value or table says so."""
    by_number = forward(CaseIdRule(), one, [], table, system) == forward(
        CaseIdRule(), other, [], table, system
    )
    assert by_number == (normalise(one.case_id) == normalise(other.case_id))
    apart = forward(DataFieldRule("x"), one, [("x", one.case_id)], table, system)
    joined = forward(DataFieldRule("x"), other, [("x", other.case_id)], table, system)
    assert (apart == joined) == (normalise(one.case_id) == normalise(other.case_id))
    ids_of_one = set(candidates(forward(TableRule("t"), one, [], table, system)))
    ids_of_other = set(candidates(forward(TableRule("t"), other, [], table, system)))
    for shared in ids_of_one & ids_of_other:
        claimed = table.case_keys(shared, system)
        assert {one.normalised(), other.normalised()} <= set(claimed)
