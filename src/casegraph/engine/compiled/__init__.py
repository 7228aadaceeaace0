"""Running queries by compiled plans."""

from casegraph.engine.compiled.engine import CompiledEngine

__all__ = ["CompiledEngine"]
