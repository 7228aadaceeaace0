"""GraphiQL served by the gateway itself: built at installation, so no request leaves the machine.

`Explorer(...).routes()` mounts it; `Explorer(...).page()` is that page for a browser that opens the
GraphQL endpoint. `build_hook.py` makes the files from `sources/` and is not for importing.
"""

from casegraph.edge.explorer.page import Example, Explorer, explorer_routes

__all__ = ["Example", "Explorer", "explorer_routes"]
