"""What one request was answered from, by record and as a whole."""

import weakref

from casegraph.loading.freshness import DEFAULT_WINDOWS, Kind
from casegraph.loading.ledger import Ledger, Provenance, Source, StaleReason


class Record:
    """A record that equals every other one."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record)

    __hash__ = None


def came(
    fetched_at: float, kind: Kind = Kind.RATINGS, reason: StaleReason | None = None
) -> Provenance:
    """Return a provenance."""
    return Provenance("ratings", kind, Source.CACHE, fetched_at, reason)


def test_equal_records_have_each_their_own_provenance() -> None:
    """Records are known by identity: two equal ones may have come from different places."""
    ledger, one, other = Ledger(), Record(), Record()
    ledger.enter(came(10), [one])
    ledger.enter(came(20), [other])

    assert (ledger.of(one), ledger.of(other), ledger.of(Record())) == (came(10), came(20), None)


def test_who_brought_a_record_first_is_where_it_came_from() -> None:
    """A second look at what this request has brought finds it kept, and changes nothing."""
    ledger, record = Ledger(), Record()
    first = Provenance("ratings", Kind.RATINGS, Source.UPSTREAM, 10)
    ledger.enter(first, [record])
    ledger.enter(came(10), [record])
    assert ledger.of(record) == first
    ledger.enter(came(10), [record])

    assert ledger.of(record) == first


def test_a_copy_carries_the_provenance_of_what_it_was_made_of() -> None:
    """A copy made on the way is as old as its original; one of an unknown stays unknown."""
    ledger, original, copy, stranger = Ledger(), Record(), Record(), Record()
    ledger.enter(came(10), [original])
    ledger.carry(original, copy)
    ledger.carry(Record(), stranger)

    assert (ledger.of(copy), ledger.of(stranger)) == (came(10), None)


def test_of_records_that_were_let_go_nothing_is_known() -> None:
    """Nor are they held, or their copies, whether anybody has asked about those or not."""
    ledger, original, copy = Ledger(), Record(), Record()
    held = weakref.ref(copy)
    ledger.enter(came(10), [original])
    ledger.carry(original, copy)
    ledger.forget_records()

    del copy

    assert held() is None
    assert ledger.of(original) is None
    assert list(ledger) == [came(10)]


def test_records_do_not_lend_their_identity_to_later_ones() -> None:
    """A record is held as long as its ledger, so that a new one cannot be taken for it."""
    ledger = Ledger()
    for _ in range(1000):
        ledger.enter(came(10), [Record()])

    assert all(ledger.of(Record()) is None for _ in range(1000))


def test_the_same_source_stands_once() -> None:
    """However many reads one call served, it is one part of the answer."""
    ledger = Ledger()
    for _ in range(3):
        ledger.enter(came(10))
    ledger.enter(came(11))

    assert list(ledger) == [came(10), came(11)]


def test_the_oldest_part_counts() -> None:
    """The answer is as old as its oldest part; one that needed nothing has none."""
    ledger = Ledger()
    assert ledger.oldest() is None
    for moment in (30, 10, 20):
        ledger.enter(came(moment))

    assert ledger.oldest() == came(10)
    assert came(10).age(25) == 15
    assert came(10).age(5) == 0


def test_an_answer_is_fresh_as_long_as_all_its_parts_are() -> None:
    """The first part to leave its window ends it; a stale part has ended it already."""
    ledger = Ledger()
    assert ledger.fresh_for(100, DEFAULT_WINDOWS) == 0
    ledger.enter(came(90))
    ledger.enter(came(0, Kind.LISTS))
    assert ledger.fresh_for(100, DEFAULT_WINDOWS) == 50
    assert ledger.fresh_for(200, DEFAULT_WINDOWS) == 0
    ledger.enter(came(100, Kind.RATINGS, StaleReason.ACCEPTED))
    assert ledger.fresh_for(100, DEFAULT_WINDOWS) == 0


def test_what_was_served_stale_is_named() -> None:
    """Every stale part is told with its reason, and no other."""
    ledger = Ledger()
    stale = came(10, reason=StaleReason.RATE_LIMITED)
    ledger.enter(came(20))
    ledger.enter(stale)

    assert ledger.stale() == [stale]
