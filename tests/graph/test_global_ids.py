import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from casegraph.errors import InvalidArgument
from casegraph.graph import ids
from casegraph.graph.ids import GlobalId, Kind
from casegraph.upstreams.action_management.records import ProgramListType

INT32 = st.integers(1, 2**31 - 1).map(str)
INT63 = st.integers(1, 2**63 - 1).map(str)
OPAQUE = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=128).filter(
    lambda text: text not in {".", ".."} and text.isprintable()
)
TYPES = st.sampled_from(ProgramListType).map(lambda kind: kind.value)
PARTS = {
    Kind.CASE: (INT32, INT32),
    Kind.NOTE: (INT32, INT32, INT32),
    Kind.REVIEW_ENTRY: (INT63,),
    Kind.RATING: (INT63, INT63),
    Kind.ROLE: (INT32, INT32),
    Kind.PROGRAM_LIST: (INT32, TYPES, INT32),
    Kind.CUSTOMER_CASE: (OPAQUE,),
}
GLOBAL_IDS = st.sampled_from(Kind).flatmap(
    lambda kind: st.tuples(*PARTS[kind]).map(lambda parts: GlobalId(kind, parts))
)


def packed(text: str) -> str:
    """Pack a text as ids are packed."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@given(GLOBAL_IDS)
def test_an_id_leads_back_to_what_it_stands_for(wanted: GlobalId) -> None:
    """Kind and parts survive the way there and back, whatever text the last part holds."""
    assert ids.decode(ids.encode(wanted.kind, *wanted.parts)) == wanted


@given(GLOBAL_IDS, GLOBAL_IDS)
def test_two_things_have_two_ids(one: GlobalId, other: GlobalId) -> None:
    """Ids are unique over all kinds."""
    texts = {ids.encode(each.kind, *each.parts) for each in (one, other)}

    assert len(texts) == len({one, other})


@given(st.text(max_size=80) | st.text(max_size=40).map(packed))
@example("")
@example("é")
@example("A" * 10_000)
@example(packed("Case:96"))
@example(packed("Case:96:1:2"))
@example(packed("Case:096:1"))
@example(packed("Case:96:٣"))
@example(packed("Case:../x:1"))
@example(packed("Case:1/../2:1"))
@example(packed(f"Case:96:{'9' * 40}"))
@example(packed("Role:96:0"))
@example(packed("Rating:1"))
@example(packed("ProgramList:96:colour:1"))
@example(packed("CustomerCase:.."))
@example(packed("CustomerCase:"))
@example(packed("CustomerCase:a\nb"))
@example(packed("Nothing:1"))
@example(packed("Case:96:1") + "=")
def test_any_other_text_is_refused(text: str) -> None:
    """A text that this module did not make is an invalid argument, never another error."""
    with pytest.raises(InvalidArgument):
        ids.decode(text)


@given(GLOBAL_IDS, st.data())
def test_an_id_has_one_spelling(wanted: GlobalId, data: st.DataObject) -> None:
    """A changed character gives another thing's id or none, never the same thing."""
    text = ids.encode(wanted.kind, *wanted.parts)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCDwxyz0189-_+/=").filter(lambda one: one != text[place]))

    try:
        found = ids.decode(text[:place] + other + text[place + 1 :])
    except InvalidArgument:
        return
    assert found != wanted
