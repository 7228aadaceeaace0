"""What a process learns of its upstreams: smoothed, bounded, forgotten, and parted by scope."""

from casegraph.loading.access.cost import GUESSED_LATENCY
from casegraph.loading.access.learned import (
    ANCHORS_MAX,
    FIGURES_MAX,
    KEPT_SECONDS,
    LATENCY_KEPT_SECONDS,
    Learned,
)


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_latency_begins_as_a_guess_and_follows_what_is_seen() -> None:
    """The first call sets the figure, later ones move it by a fifth."""
    learned = Learned()
    assert learned.latency("ratings", "ratings") == GUESSED_LATENCY

    learned.took("ratings", "ratings", 1.0)
    learned.took("ratings", "ratings", 2.0)

    assert learned.latency("ratings", "ratings") == 1.2
    assert learned.latency("ratings", "rating") == GUESSED_LATENCY


def test_a_latency_that_nobody_has_seen_again_is_a_guess_again() -> None:
    """A way that was slow once gets another chance, and the next call begins the figure anew."""
    clock = _Clock()
    learned = Learned(clock)
    learned.took("ratings", "ratings", 9.0)
    clock.now = LATENCY_KEPT_SECONDS
    assert learned.latency("ratings", "ratings") == 9.0
    learned.took("ratings", "ratings", 4.0)
    assert learned.latency("ratings", "ratings") == 8.0

    clock.now += LATENCY_KEPT_SECONDS + 1
    assert learned.latency("ratings", "ratings") == GUESSED_LATENCY
    learned.took("ratings", "ratings", 1.0)
    assert learned.latency("ratings", "ratings") == 1.0


def test_totals_and_shares_are_forgotten_after_five_minutes() -> None:
    """A figure that nobody has renewed is no figure."""
    clock = _Clock()
    learned = Learned(clock)
    learned.counted(("t", "cases", "96"), 400)
    learned.counted(("t", "cases", "96"), None)
    learned.shared(("t", "rated"), 3, 10)
    learned.shared(("t", "rated"), 0, 0)
    learned.ranked(("t", "96"), [(7, 0)])

    clock.now = KEPT_SECONDS
    assert (learned.total(("t", "cases", "96")), learned.share(("t", "rated"))) == (400, 0.3)
    assert learned.anchors(("t", "96")) == [(7, 0)]
    clock.now += 1
    assert (learned.total(("t", "cases", "96")), learned.share(("t", "rated"))) == (None, None)
    assert learned.anchors(("t", "96")) == []


def test_scopes_do_not_mix() -> None:
    """A figure of one tenant says nothing of another."""
    learned = Learned()
    learned.counted(("one", "cases"), 5)

    assert learned.total(("two", "cases")) is None


def test_a_share_moves_with_the_size_of_the_batch() -> None:
    """A single key hardly moves what hundreds have shown."""
    learned = Learned()
    learned.shared(("t",), 20, 100)
    learned.shared(("t",), 1, 1)

    share = learned.share(("t",))
    assert share is not None
    assert 0.2 < share < 0.25


def test_totals_of_a_list_are_told_by_what_they_are_about() -> None:
    """Those right under the parts, while they are recent."""
    now = [0.0]
    learned = Learned(lambda: now[0])
    learned.counted(("t", "old"), 1)
    now[0] = KEPT_SECONDS
    learned.counted(("t", "new"), 2)
    learned.counted(("t", "deep", "er"), 3)
    now[0] += 1

    assert learned.totals_under(("t",)) == {"new": 2}


def test_figures_are_bounded() -> None:
    """Clients that make hubs up cannot fill the memory."""
    learned = Learned()
    for hub in range(FIGURES_MAX + 10):
        learned.counted((str(hub),), hub)
    learned.ranked(("hub",), ((number, number) for number in range(3 * ANCHORS_MAX)))

    assert learned.total(("9",)) is None
    assert learned.total(("10",)) == 10
    assert len(learned.anchors(("hub",))) <= ANCHORS_MAX


def test_ranks_that_contradict_each_other_are_dropped() -> None:
    """After a deletion an old rank may stand above a newer one; then the later id's goes."""
    learned = Learned()
    learned.ranked(("hub",), [(10, 5), (20, 12)])
    learned.ranked(("hub",), [(15, 12)])

    assert [pair for pair in learned.anchors(("hub",)) if pair[0] == 10] == [(10, 5)]
    assert len([pair for pair in learned.anchors(("hub",)) if pair[1] == 12]) == 1
