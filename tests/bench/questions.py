"""What gateways are asked: the five queries of peer/queries.json, and more of their kind.

casegraph is asked in its own words; the peers of a harness in those of its queries.json, for the
same cases in the same order. Cursors are walked on a gateway that is not measured.
Invariant: what is measured was verified: gateways that give other data than the reference end the
run.
"""

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.contestants import PEER, Gateway

Question = Mapping[str, Any]
"""A request's body."""
Questions = Mapping[str, Sequence[Question]]
"""By name, each with all the variables that it goes round through."""

FIVE = ("Q1", "Q2", "Q3", "Q4", "Q5")
SCALES = {"10 cases": 10, "100 cases": 100, "1,000 cases": 1000}
PAGE = 100
"""Cases of a page at most, for every gateway here."""
IN_PARTS = "multipart/mixed;incrementalSpec=v0.2"
_LINKS = """notes { nodes { noteId text createdBy { userName } } }
      ratings { nodes { ratingId score } } reviews { nodes { reviewEntryId status } }"""
_PAGE = """query Page($hub: ID!, $first: Int, $after: String) {
  cases(hubId: $hub, first: $first, after: $after) { nodes { caseId name %s } }
}"""
_CASE = "query One($hub: ID!, $case: ID!) { case(hubId: $hub, caseId: $case) { name %s } }"
_WALK = """query Walk($hub: ID!, $first: Int, $after: String) {
  cases(hubId: $hub, first: $first, after: $after) {
    nodes { caseId } pageInfo { endCursor hasNextPage }
  }
}"""


@dataclass(frozen=True)
class Asked:
    """All questions in our words, and in those of a harness where there is one."""

    ours: Questions
    theirs: Questions = field(default_factory=dict)
    in_parts: frozenset[str] = frozenset({"page in parts", "case in parts"})
    """Which of them want their answer in parts."""

    def knows(self, gateway: Gateway, name: str) -> bool:
        """Return whether this gateway can be asked that."""
        if gateway.contestant.is_floor and name not in FIVE:
            return False
        return name in (self.ours if gateway.contestant.is_ours else self.theirs)

    def of(self, gateway: Gateway, name: str) -> Sequence[Question]:
        """Return a question as this gateway is asked."""
        return (self.ours if gateway.contestant.is_ours else self.theirs)[name]


@dataclass(frozen=True)
class Cases:
    """What a hub has, in the order of its list."""

    ids: Sequence[str]
    cursors: Sequence[str | None]
    """Before each tenth case, from the first on."""

    def pages(self, size: int) -> list[str | None]:
        """Return the cursors of all whole pages; of the first one if none is whole."""
        whole = max(1, len(self.ids) // size)
        return list(self.cursors[:: size // 10][:whole])


def walked(gateway: Gateway, most: int) -> Cases:
    """Return the cases of the hub, in steps of ten, at most so many."""
    ids: list[str] = []
    cursors: list[str | None] = []
    after, more = None, True
    while more and len(ids) < most:
        variables = {"hub": "96", "first": 10, "after": after}
        page = gateway.ask({"query": _WALK, "variables": variables})["data"]["cases"]
        cursors.append(after)
        ids += [each["caseId"] for each in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return Cases(ids, cursors)


def in_our_words(cases: Cases) -> Questions:
    """Return the questions as casegraph is asked."""
    specified = json.loads((PEER / "queries.json").read_text())
    asked: dict[str, Sequence[Question]] = {}
    for name in FIVE:
        query, fixed = specified[name]["query"], specified[name]["variables"]
        asked[name] = [
            {"operationName": name, "query": query, "variables": variables}
            for variables in _varied(fixed, cases)
        ]
    pages = [{"hub": "96", "first": 20, "after": each} for each in cases.pages(20)]
    ones = [{"hub": "96", "case": each} for each in cases.ids[::7]]
    for name, text, variables in (("page", _PAGE, pages), ("case", _CASE, ones)):
        whole, parted = text % _LINKS, text % f"... @defer {{ {_LINKS} }}"
        asked[f"{name} whole"] = [{"query": whole, "variables": each} for each in variables]
        asked[f"{name} in parts"] = [{"query": parted, "variables": each} for each in variables]
    asked |= _scaled(specified["Q4"]["query"], "after", "String", cases.pages)
    return asked


def in_their_words(harness: Path, total: int) -> Questions:
    """Return the questions as a harness's peers are asked."""
    specified = json.loads((harness / "queries" / "queries.json").read_text())
    asked: dict[str, Sequence[Question]] = {}
    for name in FIVE:
        query, fixed = specified[name]["query"], specified[name]["variables"]
        asked[name] = [
            {"operationName": name, "query": query, "variables": variables}
            for variables in _varied(fixed, Cases((), ()))
        ]
    skips = lambda size: list(range(0, total - size + 1, size))  # noqa: E731  as Cases.pages
    return asked | _scaled(specified["Q4"]["query"], "skip", "Int", skips)


def _varied(fixed: Mapping[str, Any], cases: Cases) -> list[dict[str, Any]]:
    """Return the variables with each value of the one that goes round."""
    for name, value in fixed.items():
        if not isinstance(value, dict):
            continue
        if "$walk" in value:
            values: list[Any] = list(cases.pages(fixed["first"]))
        else:
            low, high, step = value["$cycle"]
            values = list(range(low, high + 1, step))
            if "$format" in value:
                known = set(cases.ids)
                texts = [str(each) for each in values]
                values = texts if known.issuperset(texts) else list(cases.ids[::step])
        return [{**fixed, name: each} for each in values]
    return [dict(fixed)]


def _scaled(
    query: str, name: str, kind: str, pages: Callable[[int], Sequence[Any]]
) -> dict[str, Sequence[Question]]:
    """Return Q4 for more and more cases: with more than a page, several pages in one request."""
    head, _, selection = query.partition(f"{name}: ${name})")
    of_hub = "$hub: ID!" if "$hub: ID!" in head else "$hub: Int!"
    hub: Any = "96" if "$hub: ID!" in head else 96
    selection = selection.strip().removesuffix("}")
    asked: dict[str, Sequence[Question]] = {}
    for title, count in SCALES.items():
        size = min(count, PAGE)
        at = pages(size)
        roots = max(1, count // PAGE)
        if len(at) < roots:
            continue  # a hub that small has not so many cases
        declared = ", ".join(f"$p{place}: {kind}" for place in range(roots))
        fields = " ".join(
            f"p{place}: cases(hubId: $hub, first: {size}, {name}: $p{place}) {selection}"
            for place in range(roots)
        )
        text = f"query Scaled({of_hub}, {declared}) {{ {fields} }}"
        asked[title] = [
            {
                "query": text,
                "variables": {"hub": hub}
                | {f"p{place}": each for place, each in enumerate(at[start : start + roots])},
            }
            for start in range(0, len(at) - roots + 1, roots)
        ]
    return asked


def verify(
    reference: Gateway, others: Sequence[Gateway], asked: Asked, harness: Path | None
) -> int:
    """Compare the first, middle and last of each question; returns how many answers were.

    Ends the run when one is not the reference's.
    """
    compared = 0
    for name in (*FIVE, *SCALES):
        if not asked.knows(reference, name):
            continue  # as where a sandbox has not so many cases
        questions = asked.of(reference, name)
        for place in sorted({0, len(questions) // 2, len(questions) - 1}):
            right = reference.ask(questions[place])["data"]
            for gateway in others:
                if not asked.knows(gateway, name):
                    continue
                given = gateway.ask(asked.of(gateway, name)[place])["data"]
                found = _differences(right, given, gateway, reference, harness)
                if found:
                    said = "; ".join(found[:3])
                    raise SystemExit(f"{gateway.contestant.name} {name}: other data: {said}")
                compared += 1
    return compared


def _differences(
    right: Any, given: Any, gateway: Gateway, reference: Gateway, harness: Path | None
) -> list[str]:
    if gateway.contestant.is_ours == reference.contestant.is_ours:
        return [] if right == given else ["not what the reference answers"]
    assert harness is not None
    compare = _module(harness / "driver" / "compare.py")
    specified = json.loads((PEER / "queries.json").read_text())
    options = {"flatten": specified["$flatten"], "rename": specified.get("$rename", {})}
    lacks = list(specified["$lacks"])
    for root in (each for each in right if each.startswith("p")):
        lacks += [each.replace("cases.", f"{root}.", 1) for each in specified["$lacks"]]
    found: list[str] = compare.differences(right, compare.normalise(given, options), lacks)
    return found


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
