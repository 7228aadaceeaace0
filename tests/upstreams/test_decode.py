"""Bodies that keep their contract, and every way of breaking it."""

import json
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casegraph.errors import ContractViolation
from casegraph.upstreams import decode
from casegraph.upstreams.action_management import records as am
from casegraph.upstreams.case_reviews import records as cr
from casegraph.upstreams.customer_cases import records as cc
from casegraph.upstreams.decode import Id, Instant, Shape, Where, encode, encoded_size, moment
from casegraph.upstreams.ratings import records as rt
from support import samples
from support.record_samples import CUSTOMER_CASE, SAMPLES, nodes, replaced

WHERE = Where("somebody", "thing")
EACH = pytest.mark.parametrize(("kind", "sample"), SAMPLES.values(), ids=SAMPLES)
WRONG = ["c4n4ry"]


def read(kind: Any, value: Any) -> Any:
    """Read a value as a body of this kind."""
    return Shape(kind).read(json.dumps(value).encode(), WHERE)


def violations(value: Any) -> Any:
    """Find every violation that stands in the place of a value, by its path."""
    if isinstance(value, ContractViolation):
        return [value.path]
    if isinstance(value, msgspec.Struct):
        value = tuple(getattr(value, name) for name in value.__struct_fields__)
    if isinstance(value, tuple):
        return [path for member in value for path in violations(member)]
    return []


def differences(good: Any, other: Any, here: Any = "$") -> Any:
    """Name the smallest spots in which two records differ."""
    if isinstance(good, msgspec.Struct) and isinstance(other, type(good)):
        fields = msgspec.structs.fields(type(good))
        members = [(f".{each.encode_name}", each.name) for each in fields]
        pairs = [(step, getattr(good, name), getattr(other, name)) for step, name in members]
    elif isinstance(good, tuple) and isinstance(other, tuple) and len(good) == len(other):
        pairs = [(f"[{i}]", *pair) for i, pair in enumerate(zip(good, other, strict=True))]
    else:
        return [] if good == other else [here]
    return [path for step, *pair in pairs for path in differences(*pair, here + step)]


@EACH
def test_every_sample_keeps_its_contract(kind: Any, sample: Any) -> None:
    """The vendors' own shapes are read whole, on the fast way."""
    body = json.dumps(sample).encode()
    assert violations(Shape(kind).read_strictly(body)) == []
    assert Shape(kind).read(body, WHERE) == Shape(kind).convert(sample, WHERE)


@EACH
def test_a_record_written_is_the_same_record_when_read(kind: Any, sample: Any) -> None:
    """What a cache keeps is what was put there."""
    record = read(kind, sample)
    assert Shape(kind).read_strictly(encode(record)) == record
    assert encoded_size(record) == pytest.approx(len(encode(record)), abs=7 * 8)


@EACH
def test_a_wrong_type_costs_its_own_field_alone(kind: Any, sample: Any) -> None:
    """For every value of every sample: one violation with its path, and all else as it was."""
    good, count = read(kind, sample), Counter()
    for path, member in nodes(sample):
        wrong = 7 if isinstance(member, list) else WRONG
        try:
            damaged = read(kind, replaced(sample, path, wrong))
        except ContractViolation as violation:
            assert_key(violation, path)
            continue
        found = violations(damaged)
        spots = differences(good, damaged)  # a wrong member of a list costs the list
        assert len(found) == len(spots)
        assert all(path.startswith(place) for place in found)
        assert all(place.startswith(spot) for place, spot in zip(found, spots, strict=True))
        count[len(found)] += 1
    assert count[0] + count[1] == sum(count.values())
    assert count[1] > 0 or kind in {am.Hubs, cr.ReviewCounts, am.Roles}


def assert_key(violation: Any, path: Any) -> None:
    """Check that only a key, or what holds keys, can cost a whole body."""
    assert path.startswith(violation.path)
    last = violation.path.rpartition(".")[2].partition("[")[0]
    assert last in {"$", "id", "caseId", "items", "totalCount", "record_count"}


@EACH
def test_no_violation_repeats_the_body(kind: Any, sample: Any) -> None:
    """The path leads to the spot; what stood there is not shown."""
    for path, _member in nodes(sample):
        body = replaced(sample, path, WRONG)
        try:
            texts = [str(value) for value in broken(read(kind, body))]
        except ContractViolation as violation:
            texts = [str(violation)]
        assert [text for text in texts if "c4n4ry" in text] == []


def broken(value: Any) -> Any:
    """Find every violation in a record."""
    if isinstance(value, ContractViolation):
        return [value]
    if isinstance(value, msgspec.Struct):
        value = tuple(getattr(value, name) for name in value.__struct_fields__)
    if isinstance(value, tuple):
        return [found for member in value for found in broken(member)]
    return []


@pytest.mark.parametrize(
    ("kind", "sample", "path"),
    [
        (am.Case, samples.CASE_ITEM, "$.cost"),
        (am.Case, samples.CASE_ITEM, "$.listValues[1].isHigh"),
        (am.Case, samples.CASE_ITEM, "$.roles[0].users[1].userName"),
        (am.Case, samples.CASE_DETAILS, "$.dateDue"),
        (am.NotePage, samples.NOTE_PAGE, "$.items[1].dateCreated"),
        (am.ProgramLists, samples.PROGRAM_LISTS, "$.items[0].items[0].subCategories[1].name"),
        (cr.ReviewEntry, samples.REVIEW_ENTRY, "$.User.first_name"),
        (cr.ReviewEntry, samples.REVIEW_ENTRY, "$.ReviewAnswers[2].value"),
        (rt.RatingList, samples.RATING_LIST, "$.data[1].creator.full_name"),
        (cc.CustomerCase, CUSTOMER_CASE, "$.interactions[0].author.brandOwned"),
    ],
)
def test_a_violation_names_its_exact_spot(kind: Any, sample: Any, path: Any) -> None:
    """However deep a wrong value lies, its own path is told."""
    assert violations(read(kind, replaced(sample, path, WRONG))) == [path]


def test_a_record_without_its_key_names_the_key() -> None:
    """A row that cannot be told from others fails, with the path of what is missing."""
    page = json.loads(json.dumps(samples.CASE_PAGE))
    page["items"].append({"name": "no id"})
    with pytest.raises(ContractViolation) as caught:
        read(am.CasePage, page)
    assert caught.value.path == "$.items[1].id"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("2021-09-30T13:00:00+00:00", (2021, 9, 30, 13)),
        ("2024-10-22T15:41:11.0124002+00:00", (2024, 10, 22, 15, 41, 11, 12_400)),
        ("2024-10-22T15:41:11.0124009+00:00", (2024, 10, 22, 15, 41, 11, 12_400)),
        ("2024-10-22T15:41:11.9999999Z", (2024, 10, 22, 15, 41, 11, 999_999)),
        ("2021-06-04 13:51:04.967-00:00", (2021, 6, 4, 13, 51, 4, 967_000)),
        ("2021-06-04T06:51:04-07:00", (2021, 6, 4, 13, 51, 4)),
        ("2021-06-04T06:51:04-08:00", (2021, 6, 4, 14, 51, 4)),
        ("2017-01-13T17:00:00+05:00", (2017, 1, 13, 12)),
        ("2017-01-13T17:00:00+0500", (2017, 1, 13, 12)),
        ("2022-02-01", (2022, 2, 1)),
        ("2023-06-01 10:00:00", (2023, 6, 1, 10)),
        ("2023-06-01T10:00:00", (2023, 6, 1, 10)),
        ("2020-02-01T10:00:00.000Z", (2020, 2, 1, 10)),
        ("2020-02-29T23:59:59.5Z", (2020, 2, 29, 23, 59, 59, 500_000)),
        (" 2020-02-01T10:00:00Z ", (2020, 2, 1, 10)),
        ("2020-02-01T10:00:00Z\n", (2020, 2, 1, 10)),
    ],
)
def test_every_date_form_of_the_contracts_is_read_as_utc(text: Any, parts: Any) -> None:
    """Digits beyond the microsecond are cut, never rounded up; without an offset it is UTC."""
    found = moment(text)
    assert found == datetime(*parts, tzinfo=UTC)
    assert found.tzinfo is UTC
    assert isinstance(found, Instant)


def test_a_moment_without_an_offset_is_utc_wherever_the_process_runs(monkeypatch: Any) -> None:
    """The zone of the machine has no say."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert moment("2023-06-01 10:00:00") == datetime(2023, 6, 1, 10, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2021",
        "2021-13-01",
        "2021-02-30",
        "20210604",
        "2021-W23-5",
        "2021-06-04x13:51:04Z",
        "2021-06-04T25:00:00Z",
        "2021-06-04T13:51:04+99:00",
        "٢٠٢١-06-04",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-07:00",
        "1" * 10_000,
    ],
)
def test_what_is_no_date_costs_its_field(text: Any) -> None:
    """A form nobody promised, and a moment beyond the calendar, break the contract."""
    note = read(am.Note, samples.NOTE | {"dateCreated": text})
    assert violations(note) == ["$.dateCreated"]


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_a_value_error(text: Any) -> None:
    """Reading a date raises nothing else."""
    try:
        assert moment(text).tzinfo is UTC
    except (ValueError, OverflowError):
        return


def slowly(text: str) -> datetime:
    """Read a moment step by step, whatever its form."""
    text = text.strip()
    if text[4:5] != "-" or text[7:8] != "-" or text[10:11] not in {"T", " ", ""}:
        raise ValueError
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


PIECES = st.sampled_from(
    ["", " ", "\n", "\u3000", "T", "t", "Z", "+02:00", "-0730", "+00:00:01", "2024", "-W07-", "5"]
)
FORMS = st.builds(
    lambda moment, between, spec, more: moment.isoformat(between, spec) + more,
    st.datetimes() | st.datetimes(timezones=st.timezones()),
    st.sampled_from("T tx"),
    st.sampled_from(["hours", "minutes", "seconds", "milliseconds", "microseconds"]),
    PIECES,
)


@given(st.data())
def test_the_quick_way_reads_what_the_slow_way_reads(data: Any) -> None:
    """Any text near the forms, with a piece put in anywhere: the same moment, or none."""
    text = data.draw(FORMS)
    at = data.draw(st.integers(0, len(text)))
    text = text[:at] + data.draw(PIECES) + text[at + data.draw(st.integers(0, 2)) :]
    try:
        expected = slowly(text)
    except (ValueError, OverflowError):
        with pytest.raises((ValueError, OverflowError)):
            moment(text)
        return
    found = moment(text)
    assert (found, found.tzinfo, type(found)) == (expected, UTC, datetime)
    assert found.isoformat() == expected.isoformat()


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2999, 1, 1)),  # noqa: DTZ001  offsets come below
    st.sampled_from(["T", " "]),
    st.integers(0, 9),
    st.sampled_from(["Z", "+00:00", "-00:00", ""]),
)
def test_a_seventh_digit_never_moves_a_moment_forward(
    printed: Any, between: Any, digit: Any, offset: Any
) -> None:
    """Whatever follows the microsecond, the moment read is the one printed."""
    text = printed.isoformat(between, "microseconds") + str(digit) + offset
    assert moment(text) == printed.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "sample", "name", "unknown"),
    [
        (am.ListValue, samples.CASE_ITEM["listValues"][0], "type", am.ProgramListType.UNKNOWN),
        (am.ProgramList, samples.PROGRAM_LIST, "type", am.ProgramListType.UNKNOWN),
        (cr.ReviewEntry, samples.REVIEW_ENTRY, "status", cr.ReviewStatus.UNKNOWN),
        (rt.Rating, samples.RATING, "score", rt.RatingScore.UNKNOWN),
        (rt.CaseSummary, samples.RATING_CASE, "rating_status", rt.RatingStatus.UNKNOWN),
        (cc.CustomerCase, CUSTOMER_CASE, "status", cc.CustomerCaseStatus.UNKNOWN),
    ],
)
def test_an_unknown_word_is_unknown_and_no_fault(
    kind: Any, sample: Any, name: Any, unknown: Any
) -> None:
    """A value that a vendor added later is UNKNOWN; one of a wrong type is a fault."""
    assert getattr(read(kind, sample | {name: "brand_new"}), name) is unknown
    assert violations(read(kind, sample | {name: 5})) == [f"$.{name}"]


@pytest.mark.parametrize(
    ("told", "text"), [(5, "5"), ("5", "5"), (98765432109, "98765432109"), (2**63 - 1, None)]
)
def test_an_id_is_text_whichever_way_it_came(told: Any, text: Any) -> None:
    """Numbers and strings are one id, also above 2^32."""
    hub = read(am.Hub, {"id": told})
    assert hub.hub_id == (text or str(told))
    assert isinstance(hub.hub_id, Id)


@pytest.mark.parametrize("told", ["", None, True, 1.5, [], {}])
def test_what_is_no_id_is_a_fault(told: Any) -> None:
    """Empty text, flags, fractions and containers identify nothing."""
    with pytest.raises(ContractViolation) as caught:
        read(am.Hub, {"id": told})
    assert caught.value.path == "$.id"


def test_a_kept_id_is_not_taken_for_what_only_looks_equal() -> None:
    """True and 1.0 are equal to 1 and no ids, however often 1 was read; 1 and its text are one."""
    for _ in range(2):
        assert read(am.Hub, {"id": 1}).hub_id == read(am.Hub, {"id": "1"}).hub_id == "1"
        for wrong in (True, 1.0):
            with pytest.raises(ContractViolation):
                read(am.Hub, {"id": wrong})


def test_what_is_kept_of_ids_and_moments_is_bounded() -> None:
    """Any number may come, of any length, and each is read as it is."""
    ids = [*range(10_000), "x" * 10_000]
    page = read(am.Hubs, {"items": [{"id": each} for each in ids]})
    assert [hub.hub_id for hub in page.items] == [str(each) for each in ids]
    assert len(decode._ids) <= decode._IDS_KEPT
    assert max(map(len, decode._ids.values())) <= decode._LONGEST_KEPT
    read(am.NotePage, {"items": [samples.NOTE | {"dateCreated": f"2024-01-01T00:00:{at:02}.{at}Z"}
                                 for at in range(60) for _ in range(3)]})  # fmt: skip
    assert len(decode._instants) <= decode._INSTANTS_KEPT


def test_what_was_not_told_is_not_null() -> None:
    """Fields of the details form are unset in a list item, and null where null was told."""
    item = read(am.Case, samples.CASE_ITEM)
    assert (item.due_at, item.updated_at, item.source) == (msgspec.UNSET,) * 3
    nothing = read(am.Case, samples.CASE_ITEM | {"dateDue": None, "source": None})
    assert (nothing.due_at, nothing.source) == (None, None)


def test_unknown_keys_are_ignored() -> None:
    """A vendor may add keys at any time, with any value."""
    more = samples.HUB | {"new": {"deep": [1, {"er": None}]}, "": 1}
    assert read(am.Hub, more) == read(am.Hub, samples.HUB)
