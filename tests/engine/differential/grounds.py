"""The schemas that are tried, by name, each built when it is first asked for."""

from collections.abc import Callable, Mapping
from functools import lru_cache

import strawberry

from engine.differential import (
    schema_animals,
    schema_forms,
    schema_leaves,
    schema_office,
    schema_random,
    schema_rows,
)
from engine.differential.drawing import Source, Vocabulary
from engine.differential.project import project
from engine.differential.trying import Ground, Run

_SCHEMAS: Mapping[str, Callable[[], strawberry.Schema]] = {
    "animals": schema_animals.build,
    "leaves": schema_leaves.build,
    "office": schema_office.build,
    "forms": schema_forms.build,
    "rows": schema_rows.build,
}
NAMES = (*_SCHEMAS, "project")
RANDOM = "random-"
"""What the name of a random schema begins with; its seed follows."""


@lru_cache(maxsize=16)
def ground(name: str) -> Ground:
    """Return the ground of a name."""
    if name == "project":
        return project()
    if name.startswith(RANDOM):
        return _over(name, schema_random.build(int(name.removeprefix(RANDOM))))
    return _over(name, _SCHEMAS[name]())


def _over(name: str, schema: strawberry.Schema) -> Ground:
    """Return a ground whose data is drawn, over any strawberry schema."""
    vocabulary = Vocabulary(schema._schema, name == "animals", only_structs=name == "rows")

    async def context(run: Run) -> Source:
        return Source(vocabulary, run.seed, run.oddness, run.once, run.again)

    return Ground(name, schema._schema, context)
