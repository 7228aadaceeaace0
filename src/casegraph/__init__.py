"""casegraph: one GraphQL question, one case, over four case systems that have no batch reads.

`create_app` assembles the gateway as an ASGI app; `app.py` shows the way of a request.
"""

from importlib.metadata import version

from casegraph.app import create_app
from casegraph.settings import Settings, load_settings

__version__ = version("casegraph")

__all__ = ["Settings", "__version__", "create_app", "load_settings"]
