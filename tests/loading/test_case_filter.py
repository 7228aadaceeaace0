from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from casegraph.errors import ContractViolation
from casegraph.loading.case_filter import CaseConditions
from casegraph.upstreams.action_management.records import (
    Case,
    CaseRole,
    ListValue,
    ProgramListType,
    User,
)
from casegraph.upstreams.decode import Id, Instant, moment

BROKEN = ContractViolation("action_management", "case_query", "a value of a wrong type")
ITEMS = ("1", "2", "3")
KINDS = (ProgramListType.STATUS, ProgramListType.SEVERITY, ProgramListType.CATEGORY)
START = datetime(2026, 1, 1, tzinfo=UTC)

instants = st.integers(0, 6).map(lambda days: moment((START + timedelta(days=days)).isoformat()))
list_values = st.lists(
    st.builds(
        ListValue,
        item_id=st.sampled_from([*map(Id, ITEMS), None]),
        type=st.sampled_from(ProgramListType),
    ),
    max_size=4,
).map(tuple)
users = st.lists(st.sampled_from(ITEMS).map(lambda key: User(user_id=Id(key))), max_size=2)
roles = st.lists(
    st.builds(CaseRole, users=st.one_of(users.map(tuple), st.none(), st.just(BROKEN))), max_size=2
).map(tuple)
cases = st.builds(
    Case,
    case_id=st.just(Id("7")),
    is_closed=st.sampled_from([True, False, None]),
    created_at=st.one_of(instants, st.none(), st.just(BROKEN)),
    list_values=st.one_of(list_values, st.none(), st.just(BROKEN)),
    roles=st.one_of(roles, st.none(), st.just(BROKEN)),
)
item_sets = st.none() | st.frozensets(st.sampled_from(ITEMS))
values = {
    "is_closed": st.sampled_from([True, False, None]),
    "status_item_ids": item_sets,
    "severity_item_ids": item_sets,
    "category_item_ids": item_sets,
    "assigned_user_ids": item_sets,
    "created_from": st.none() | instants,
    "created_to": st.none() | instants,
}
# One condition at a time too: among seven, a single wrong one is seldom what decides.
alone = [st.builds(CaseConditions, **{name: value}) for name, value in values.items()]
conditions = st.one_of(*alone, st.builds(CaseConditions, **values))


def told(value: Any) -> tuple[Any, ...]:
    """Return the parts of a list that was told and could be read."""
    return value if isinstance(value, tuple) else ()


def plain_model(wanted: CaseConditions, case: Case) -> bool:
    """Say what the filter means, as plainly as it can be said."""
    chosen = {(value.type, value.item_id) for value in told(case.list_values)}
    assigned = {user.user_id for role in told(case.roles) for user in told(role.users)}
    verdicts = []
    if wanted.is_closed is not None:
        verdicts.append(case.is_closed == wanted.is_closed)
    sets = (wanted.status_item_ids, wanted.severity_item_ids, wanted.category_item_ids)
    for kind, items in zip(KINDS, sets, strict=True):
        if items is not None:
            verdicts.append(any((kind, item) in chosen for item in items))
    if wanted.assigned_user_ids is not None:
        verdicts.append(bool(assigned & wanted.assigned_user_ids))
    created = case.created_at
    if wanted.created_from is not None:
        verdicts.append(isinstance(created, datetime) and created >= wanted.created_from)
    if wanted.created_to is not None:
        verdicts.append(isinstance(created, datetime) and created <= wanted.created_to)
    return all(verdicts)


@settings(max_examples=400)
@given(conditions, cases)
def test_the_filter_agrees_with_a_plain_model(wanted: CaseConditions, case: Case) -> None:
    """For any conditions and any case, broken fields included, the verdict is the model's."""
    assert plain_model(wanted, case) is wanted.hold_for(case)


@given(conditions, cases)
def test_what_cannot_hold_holds_for_nothing(wanted: CaseConditions, case: Case) -> None:
    """Conditions that no case can pass are known before any case is seen."""
    if not wanted.can_hold:
        assert wanted.hold_for(case) is False


@given(cases)
def test_no_conditions_hold_for_everything(case: Case) -> None:
    """A filter that says nothing lets everything through, and ends no walk."""
    assert CaseConditions().hold_for(case) is True
    assert CaseConditions().can_hold is True
    assert CaseConditions().past_end(case, ascending=True) is False


@given(conditions, st.lists(instants, min_size=1, max_size=12), st.booleans())
def test_a_walk_by_creation_may_stop_at_the_first_case_past_the_end(
    wanted: CaseConditions, moments: list[Instant], ascending: bool
) -> None:
    """In creation order nothing after a case past the end passes the filter."""
    walk = [
        Case(case_id=Id(str(number)), created_at=moment)
        for number, moment in enumerate(sorted(moments, reverse=not ascending))
    ]
    for number, case in enumerate(walk):
        if wanted.past_end(case, ascending=ascending):
            assert not any(wanted.hold_for(later) for later in walk[number:])
            break


@given(conditions, st.booleans())
def test_a_case_without_a_readable_date_ends_no_walk(
    wanted: CaseConditions, ascending: bool
) -> None:
    """What is not known of one case says nothing of those after it."""
    for unknown in (None, BROKEN):
        case = Case(case_id=Id("7"), created_at=unknown)  # type: ignore[arg-type]
        assert wanted.past_end(case, ascending=ascending) is False
