"""The explorer from a content delivery network: for who has no Node and does not mind.

Off unless asked for, since a page that loads code from elsewhere trusts elsewhere with every
answer it shows. The versions are those of the built explorer, read from the same package.json.
This module and nothing else names the host.
"""

import json
from pathlib import Path

from casegraph.edge.explorer.markup import script_json

HOST = "https://esm.sh"
SCRIPT = Path(__file__).parent / "cdn.js"
PACKAGE = Path(__file__).parent / "sources" / "package.json"
# framer-motion's optional import; unmapped, the browser could not link the module graph.
_ABSENT = "@emotion/is-prop-valid"
EMPTY_SCRIPT = "export {};\n"


def versions(package: Path = PACKAGE) -> dict[str, str]:
    """Return the exact version of each package the explorer is made from."""
    found: dict[str, str] = json.loads(package.read_bytes())["dependencies"]
    return found


def import_map(empty_script: str) -> str:
    """Return the browser's import map, as text for a script tag.

    Shared packages are marked external, so that each is loaded once: two copies of React or of
    GraphiQL's store would not see each other.
    """
    of = versions()

    def url(name: str, *external: str) -> str:
        query = f"?standalone&external={','.join(external)}" if external else ""
        return f"{HOST}/{name}@{of[name]}{query}"

    react = "@graphiql/react"
    imports = {
        "react": url("react"),
        "react/": f"{url('react')}/",
        "react-dom": url("react-dom"),
        "react-dom/": f"{url('react-dom')}/",
        "graphql": url("graphql"),
        "@graphiql/toolkit": url("@graphiql/toolkit", "graphql"),
        react: url(react, "react", "react-dom", "graphql", "@graphiql/toolkit", _ABSENT),
        "graphiql": url("graphiql", "react", "react-dom", "graphql", react),
        "graphiql/": f"{url('graphiql')}/",
        "@graphiql/plugin-explorer": url("@graphiql/plugin-explorer", "react", "graphql", react),
        _ABSENT: empty_script,
    }
    return script_json({"imports": imports})


def styles() -> tuple[str, ...]:
    """Return the addresses of the style sheets."""
    of = versions()
    return (
        f"{HOST}/graphiql@{of['graphiql']}/dist/style.css",
        f"{HOST}/@graphiql/plugin-explorer@{of['@graphiql/plugin-explorer']}/dist/style.css",
    )


def content_security_policy(import_map_hash: str) -> str:
    """Return the page's policy: scripts, styles and fonts may come from the host, nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {HOST} {import_map_hash}",
            f"style-src 'unsafe-inline' {HOST}",
            f"font-src data: {HOST}",
            "img-src 'self' data:",
            "worker-src blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
