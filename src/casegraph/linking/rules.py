"""How a link is declared: the three forms a settings text may take, parsed into values.

A rule says where the other system's id for a case is found. Invariant: `parse_rule(str(rule))` is
the same rule, so a rule can be printed by `casegraph check` and pasted back into settings. Reading
the file a table rule names is not done here: this package does no I/O.
"""

from dataclasses import dataclass

from casegraph.linking.identity import normalise

_DATA_FIELD = "data_field:"
_TABLE = "table:"
_FORMS = "case_id, data_field:NAME or table:PATH"


class LinkRuleError(ValueError):
    """A link rule is not written in one of the three forms, or lacks what it needs."""


@dataclass(frozen=True, slots=True)
class CaseIdRule:
    """The other system uses the case's own number."""

    def __str__(self) -> str:
        return "case_id"


@dataclass(frozen=True, slots=True)
class DataFieldRule:
    """The other system's id stands in the case's data field with this question name."""

    question_name: str

    def __post_init__(self) -> None:
        name = normalise(self.question_name)
        if name is None:
            raise LinkRuleError(f"the link rule data_field:NAME needs a name; allowed: {_FORMS}")
        # Frozen, and yet kept in the form that question names are compared in.
        object.__setattr__(self, "question_name", name)

    def __str__(self) -> str:
        return f"{_DATA_FIELD}{self.question_name}"


@dataclass(frozen=True, slots=True)
class TableRule:
    """An identity table, a CSV or SQLite file at this path, says which id belongs to which case."""

    path: str

    def __post_init__(self) -> None:
        # Only stripped: composing a file's name could name another file.
        path = self.path.strip()
        if not path:
            raise LinkRuleError(f"the link rule table:PATH needs a path; allowed: {_FORMS}")
        object.__setattr__(self, "path", path)

    def __str__(self) -> str:
        return f"{_TABLE}{self.path}"


Rule = CaseIdRule | DataFieldRule | TableRule


def parse_rule(text: str) -> Rule:
    """Return the rule a settings text declares; raise LinkRuleError for any other text."""
    stripped = text.strip()
    if stripped == "case_id":
        return CaseIdRule()
    if stripped.startswith(_DATA_FIELD):
        return DataFieldRule(stripped.removeprefix(_DATA_FIELD))
    if stripped.startswith(_TABLE):
        return TableRule(stripped.removeprefix(_TABLE))
    raise LinkRuleError(f"{text!r} is not a link rule; allowed: {_FORMS}")
