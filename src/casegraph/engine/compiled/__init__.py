"""Running queries by compiled plans."""

from casegraph.engine.compiled.engine import CompiledEngine
from casegraph.engine.compiled.resting import PlannedResult

__all__ = ["CompiledEngine", "PlannedResult"]
