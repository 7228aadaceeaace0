"""How a case goes: contacts, waits, decisions, and the notes they leave behind.

There are eight courses; each is a row of steps, and each step either happens at its time or, when
that time lies after `now`, has not happened yet, which is how open cases come about.
Invariant: at most six notes are added to the one that says that the case was created, and the
status of a story is the one its last status note names.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from casegraph.sandbox.world_clock import at_work, hours_after, spoken, visit_day
from casegraph.sandbox.world_phrases import (
    ATTEMPTS,
    CLOSERS,
    CORRECTIONS,
    HAND_MADE,
    LAST_ATTEMPTS,
    OPENERS,
)
from casegraph.sandbox.world_program import (
    IN_PROGRESS,
    NO_CONTACT,
    RESOLVED,
    TRIGGERS,
    WAITING,
)
from casegraph.sandbox.world_staff import LEADS, Colleague, members
from casegraph.sandbox.world_stories import Entry, Story

_EDITED_SHARE = 0.08
_COLLEAGUE_SHARE = 0.12


class NotYetError(Exception):
    """The next step lies after `now`."""


class Course:
    """Tells one story after the other, each from its creation to its end or to `now`."""

    def __init__(self, rng: random.Random, now: datetime) -> None:
        self._rng = rng
        self._now = now
        self._story: Story
        self._moment = now
        self._agreed = now.date()
        self._branch = 0

    def run(self, story: Story) -> None:
        """Add the entries of a story and set its status, contact and closing."""
        self._story = story
        self._moment = story.created
        story.entries.append(Entry(story.created, self._origin(story)))
        steps = _WAITED if story.plan.is_thorough else self._rng.choices(_COURSES, _SHARES)[0]
        try:
            for step in steps:
                step(self)
        except NotYetError:
            pass
        for entry in story.entries:
            if entry.author and self._rng.random() < _EDITED_SHARE:
                self._edit(entry, entry.author)

    def _origin(self, story: Story) -> str:
        if story.plan.hand_made:
            return "Case created manually. " + story.say(self._rng.choice(HAND_MADE))
        return f'Case created by trigger "{TRIGGERS[story.topic.category].name}".'

    def _wait(self, median: float, longest: float, *, at_least: datetime | None = None) -> None:
        start = max(self._moment, at_least) if at_least else self._moment
        moment = at_work(self._rng, start + hours_after(self._rng, median, longest))
        if moment > self._now:
            raise NotYetError
        self._moment = moment

    def _write(self, text: str) -> None:
        story, rng = self._story, self._rng
        author = story.owner
        if rng.random() < _COLLEAGUE_SHARE:
            author = rng.choice(members(story.desk))
        story.entries.append(Entry(self._moment, story.say(text), author))
        story.contacted = story.contacted or self._moment

    def _set_status(self, status: str) -> None:
        story = self._story
        moment = min(self._moment + timedelta(seconds=self._rng.randrange(15, 100)), self._now)
        text = f"Status changed from {story.status} to {status}."
        story.entries.append(Entry(moment, text))
        story.status = status
        self._moment = moment

    def _edit(self, entry: Entry, author: Colleague) -> None:
        edited = entry.moment + timedelta(minutes=self._rng.randrange(4, 300))
        if edited > self._now:
            return
        by_lead = self._rng.random() < 1 / 5
        entry.edited = edited
        entry.editor = self._rng.choice(members(LEADS)) if by_lead else author
        entry.text += self._story.say(self._rng.choice(CORRECTIONS))

    def start(self) -> None:
        """Take the case up."""
        self._wait(4, 72)
        self._set_status(IN_PROGRESS)

    def contact(self) -> None:
        """Speak to the customer and agree on a day."""
        self._wait(5, 72)
        self._agreed = visit_day(self._rng, self._moment)
        self._story.words["day"] = spoken(self._agreed)
        self._branch = self._rng.randrange(len(self._story.topic.contact))
        self._write(self._rng.choice(OPENERS) + self._story.topic.contact[self._branch])

    def take_up(self) -> None:
        """Speak to the customer and only then mark the case as taken up."""
        self.contact()
        self._set_status(IN_PROGRESS)

    def progress(self) -> None:
        """Write down what happened behind the scenes."""
        self._wait(3, 20)
        self._write(self._rng.choice(self._story.topic.progress))

    def ask(self) -> None:
        """Ask the customer for something and wait."""
        self._wait(0.3, 2)
        self._write(self._story.topic.asked)
        self._set_status(WAITING)

    def answer(self) -> None:
        """Hear from the customer."""
        self._wait(16, 60)
        self._write(self._story.topic.answered)

    def close(self) -> None:
        """Settle the case after the agreed day."""
        # The desk reads the end of the local slot as UTC: late by an hour or two, never early.
        slot_end = time(int(self._story.words["slot"].split("-")[1]), tzinfo=UTC)
        agreed = datetime.combine(self._agreed, slot_end)
        self._wait(5, 48, at_least=agreed)
        topic = self._story.topic
        self._settle(self._rng.choice(topic.closing[self._branch :: len(topic.contact)]))

    def close_at_once(self) -> None:
        """Settle the case in the first contact."""
        self._wait(7, 90)
        opener = self._rng.choice(OPENERS)
        self._settle(opener + self._rng.choice(self._story.topic.quick), lead="")

    def _settle(self, text: str, lead: str = "Resolution: ") -> None:
        self._write(lead + text + self._rng.choice(CLOSERS))
        self._set_status(RESOLVED)
        self._story.closed = self._moment

    def attempt(self) -> None:
        """Fail to reach the customer."""
        self._wait(8, 72)
        self._write(self._rng.choice(ATTEMPTS))

    def give_up(self) -> None:
        """Close the case without having reached the customer."""
        self._wait(50, 150)
        self._write(self._rng.choice(LAST_ATTEMPTS))
        self._set_status(NO_CONTACT)
        self._story.closed = self._moment


_Step = Callable[[Course], None]
_WAITED: tuple[_Step, ...] = (
    Course.contact,
    Course.ask,
    Course.answer,
    Course.close,
)
_COURSES: tuple[tuple[_Step, ...], ...] = (
    (Course.close_at_once,),
    (Course.take_up, Course.close),
    (Course.start, Course.contact, Course.progress, Course.close),
    _WAITED,
    (Course.attempt, Course.give_up),
    (),
    (Course.start, Course.contact),
    (Course.contact, Course.ask),
)
_SHARES = (49, 17, 7, 6, 11, 2, 4, 4)
