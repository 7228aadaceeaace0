"""The HTML of the explorer's page, in its two forms: the explorer, and how to get it.

No script is inline. What the browser code must know comes in a JSON script tag, written so that
no value can end the tag; everything else that varies is escaped here and nowhere else.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

TITLE = "casegraph"

_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect width='32' height='32' rx='7' fill='%23d60590'/%3E"
    "%3Cg fill='none' stroke='%23fff' stroke-width='2.2'%3E"
    "%3Cpath d='M16 16 8 9M16 16l8-7M16 16l-8 7M16 16l8 7'/%3E%3C/g%3E"
    "%3Cg fill='%23fff'%3E%3Ccircle cx='16' cy='16' r='4'/%3E%3Ccircle cx='8' cy='9' r='2.6'/%3E"
    "%3Ccircle cx='24' cy='9' r='2.6'/%3E%3Ccircle cx='8' cy='23' r='2.6'/%3E"
    "%3Ccircle cx='24' cy='23' r='2.6'/%3E%3C/g%3E%3C/svg%3E"
)

MESSAGE_STYLE = """
:root { color-scheme: light dark; --line: #d8dce3; --soft: #5b6472; --code: #f3f5f8;
  --mark: #d60590 }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a4252; --soft: #a3adbd; --code: #232936; --mark: #ff5fbf }
  body { background: #1b2029; color: #e8ebf0 }
}
body { margin: 0; min-height: 100vh; display: grid; place-items: center;
  font: 16px/1.55 system-ui, sans-serif }
main { box-sizing: border-box; max-width: 38rem; width: 100%; padding: 2rem }
h1 { font-size: 1.375rem; margin: 0 0 .25rem }
h1 b { color: var(--mark) }
h2 { font-size: 1rem; margin: 1.75rem 0 .5rem }
p { margin: .5rem 0 }
.soft { color: var(--soft) }
pre { background: var(--code); border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0;
  padding: .75rem 1rem; overflow-x: auto }
code { font: .875rem/1.5 ui-monospace, monospace }
""".strip()


def inline_hash(text: str) -> str:
    """Return the Content-Security-Policy source that allows exactly this inline text."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def script_json(value: Any) -> str:
    """JSON that is safe inside a script tag: neither `</script>` nor `<!--` can occur in it."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def explorer_html(
    *,
    scripts: Sequence[str],
    styles: Sequence[str],
    preload: Sequence[str] = (),
    notices: str | None = None,
    settings: Mapping[str, Any],
    import_map: str | None = None,
) -> str:
    """Return the page that starts the explorer from these addresses."""
    head = [f'<link rel="stylesheet" href="{escape(style)}">' for style in styles]
    if import_map is not None:
        head.append(f'<script type="importmap">{import_map}</script>')
    head += [f'<link rel="modulepreload" href="{escape(file)}">' for file in preload]
    if notices is not None:
        head.append(f'<link rel="license" href="{escape(notices)}">')
    head.append(f'<script type="application/json" id="settings">{script_json(settings)}</script>')
    head += [f'<script type="module" src="{escape(script)}"></script>' for script in scripts]
    endpoint = escape(settings["endpoint"])
    return _document(
        head,
        '<div id="explorer"><p class="casegraph-loading">Loading the explorer…</p></div>'
        "<noscript><p>The explorer needs JavaScript. GraphQL requests go by POST to"
        f" <code>{endpoint}</code>.</p></noscript>",
    )


def message_html(endpoint: str) -> str:
    """Return the page for an installation without the explorer: how to get it or do without."""
    address = escape(endpoint)
    body = json.dumps({"query": "{ __typename }"})
    return _document(
        [f"<style>{MESSAGE_STYLE}</style>"],
        f"""<main>
<h1><b>{TITLE}</b> is running, without its explorer</h1>
<p class="soft">The explorer is built while the package is installed, and that needs Node.js.
It was not there, the build failed, or it was switched off.</p>
<h2>To get the explorer</h2>
<p>Install Node.js 20 or newer, then install {TITLE} again and restart the gateway:</p>
<pre><code>pip install --force-reinstall --no-deps --verbose .</code></pre>
<p class="soft">With <code>--verbose</code>, a build that fails says why.</p>
<h2>To go on without it</h2>
<p>GraphQL is answered at <code>{address}</code>:</p>
<pre><code>curl http://HOST:PORT{address} \\
  -H 'Content-Type: application/json' \\
  -d '{escape(body, quote=False)}'</code></pre>
</main>""",
    )


def _document(head: Sequence[str], body: str) -> str:
    lines = "\n".join(head)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{TITLE}</title>
<link rel="icon" href="{_ICON}">
{lines}
</head>
<body>
{body}
</body>
</html>
"""
