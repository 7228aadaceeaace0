import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from casegraph.edge.explorer import Example, Explorer, explorer_routes
from casegraph.edge.explorer.assets import Bundle

Connect = Callable[..., httpx.AsyncClient]
PACKAGE = Path(__file__).parents[3] / "src" / "casegraph"
CASE = Example("OneCase", "query OneCase($id: ID!) { case(id: $id) { name } }", '{"id": "42"}')


def directives(response: httpx.Response) -> dict[str, list[str]]:
    """Return the Content-Security-Policy as a mapping of directive to its sources."""
    policy = response.headers["content-security-policy"]
    return {name: sources for name, *sources in (part.split() for part in policy.split(";"))}


def settings_of(html: str) -> dict[str, Any]:
    """Return what the page tells the browser code."""
    tag = re.search(
        r'<script type="application/json" id="settings">(.*?)</script>', html, re.DOTALL
    )
    return json.loads(tag[1])


async def test_the_page_allows_scripts_and_requests_of_its_own_origin_only(
    client: httpx.AsyncClient,
) -> None:
    """Nothing may run inline, come from elsewhere, or frame the page."""
    response = await client.get("/")

    policy = directives(response)
    assert response.status_code == 200
    assert policy == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "worker-src": ["'self'"],
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }


async def test_the_page_carries_the_other_protective_headers(client: httpx.AsyncClient) -> None:
    """Types are not guessed, addresses do not leak, and the page is asked for anew each time."""
    headers = (await client.get("/")).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-cache"
    assert headers["vary"] == "Accept"


async def test_every_address_in_the_page_is_of_this_origin_and_served(
    client: httpx.AsyncClient,
) -> None:
    """The page names the bundle's files, and each of them is there."""
    html = (await client.get("/")).text

    addresses = re.findall(r'(?:src|href)="([^"]+)"', html)
    files = [address for address in addresses if not address.startswith("data:")]
    assert sorted(files) == [
        "/explorer/explorer-1a.js",
        "/explorer/explorer-3c.css",
        "/explorer/licences-4d.txt",
        "/explorer/part-2b.js",
    ]
    assert {(await client.get(file)).status_code for file in files} == {200}


async def test_the_only_inline_script_is_data(client_of: Connect, folder: Path) -> None:
    """Settings come as JSON, so that the policy can forbid inline scripts."""
    explorer = Explorer(examples=[CASE], bundle=Bundle.load(folder))

    html = (await client_of(explorer).get("/")).text

    inline = re.findall(r"<script(?![^>]*\bsrc=)([^>]*)>", html)
    assert inline == [' type="application/json" id="settings"']
    assert settings_of(html) == {
        "title": "casegraph",
        "endpoint": "/graphql",
        "examples": [{"name": CASE.name, "query": CASE.query, "variables": CASE.variables}],
    }


@given(text=st.text(max_size=200) | st.just("</script><script>alert(1)</script><!--"))
def test_no_example_can_end_the_settings_tag(text: str) -> None:
    """Whatever an example holds, the browser reads it back as it was and nothing more."""
    variables = json.dumps({"text": text}, ensure_ascii=False)
    example = Example("OneCase", f"query OneCase {{ a }} # {' '.join(text.split())}", variables)
    bundle = Bundle("a.js", (), (), "b.txt", {})

    html = Explorer(examples=[example], bundle=bundle).page().body.decode()

    assert html.count("<script") == 2
    assert html.count("</script>") == 2
    assert settings_of(html)["examples"][0]["variables"] == variables
    assert settings_of(html)["examples"][0]["query"] == example.query


async def test_below_a_path_every_address_starts_with_it(client_of: Connect, folder: Path) -> None:
    """A gateway mounted under a prefix names its files and its endpoint under that prefix."""
    client = client_of(Explorer(bundle=Bundle.load(folder)), root_path="/tools/graph")

    html = (await client.get("/")).text

    assert 'src="/tools/graph/explorer/explorer-1a.js"' in html
    assert settings_of(html)["endpoint"] == "/tools/graph/graphql"


async def test_the_page_for_a_browser_at_the_endpoint_is_the_same(
    folder: Path, client: httpx.AsyncClient
) -> None:
    """The GraphQL endpoint can hand out the page itself."""
    page = Explorer(bundle=Bundle.load(folder)).page()

    assert page.body == (await client.get("/")).content
    assert (
        page.headers["content-security-policy"]
        == ((await client.get("/")).headers["content-security-policy"])
    )


@pytest.mark.parametrize("path", ["/", "/explorer/explorer-1a.js"])
async def test_head_answers_like_get(client: httpx.AsyncClient, path: str) -> None:
    """HEAD has the status and the headers of GET."""
    get, head = await client.get(path), await client.head(path)

    assert head.status_code == 200
    assert head.headers == get.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_only_reading_is_allowed(client: httpx.AsyncClient, method: str) -> None:
    """Other methods are refused."""
    assert (await client.request(method, "/")).status_code == 405
    assert (await client.request(method, "/explorer/explorer-1a.js")).status_code == 405


async def test_without_a_bundle_the_page_says_how_to_get_it(client_of: Connect) -> None:
    """The message is readable HTML, runs nothing, and its one style is allowed by its hash."""
    response = await client_of(Explorer(endpoint="/api", bundle=None)).get("/")

    style = re.search(r"<style>(.*?)</style>", response.text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert response.status_code == 200
    assert "Node.js 20 or newer" in response.text
    assert "/api" in response.text
    assert "<script" not in response.text
    assert directives(response)["style-src"] == [f"'sha256-{digest}'"]
    assert directives(response)["default-src"] == ["'none'"]
    assert "https:" not in response.headers["content-security-policy"]


async def test_without_a_bundle_no_file_is_served(client_of: Connect) -> None:
    """Not even the script for the network fallback, unless that was asked for."""
    client = client_of(Explorer(bundle=None))

    assert (await client.get("/explorer/cdn.js")).status_code == 404
    assert (await client.get("/explorer/explorer-1a.js")).status_code == 404


async def test_the_network_fallback_widens_the_policy_for_one_host(client_of: Connect) -> None:
    """Scripts, styles and fonts may come from that host; requests still stay at home."""
    response = await client_of(Explorer(bundle=None, fallback="cdn", examples=[CASE])).get("/")

    policy = directives(response)
    import_map = re.search(r'<script type="importmap">(.*?)</script>', response.text)[1]
    digest = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
    hosts = re.findall(r"https://[^/\"; ]+", response.text + str(policy))
    assert {host.rstrip("',]") for host in hosts} == {"https://esm.sh"}
    assert policy["script-src"] == ["'self'", "https://esm.sh", f"'sha256-{digest}'"]
    assert policy["connect-src"] == ["'self'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert settings_of(response.text)["examples"][0]["name"] == "OneCase"


async def test_the_network_fallback_loads_the_versions_that_would_be_built(
    client_of: Connect,
) -> None:
    """Both explorers are made from the versions in package.json."""
    package = PACKAGE / "edge" / "explorer" / "sources" / "package.json"
    versions = json.loads(package.read_text())["dependencies"]
    client = client_of(Explorer(bundle=None, fallback="cdn"))

    html = (await client.get("/")).text
    imports = json.loads(re.search(r'"importmap">(.*?)</script>', html)[1])["imports"]
    script = (await client.get("/explorer/cdn.js")).text

    assert (await client.get("/explorer/empty.js")).text == "export {};\n"
    for name in re.findall(r"from '([^'/]+|@[^'/]+/[^'/]+)'", script):
        assert imports[name].startswith(f"https://esm.sh/{name}@{versions[name]}")


async def test_a_bundle_is_preferred_to_the_network(client_of: Connect, folder: Path) -> None:
    """With a bundle there is no reason to leave the machine."""
    explorer = Explorer(bundle=Bundle.load(folder), fallback="cdn")

    assert "https:" not in (await client_of(explorer).get("/")).text


def test_only_one_module_names_the_network_host() -> None:
    """The host of the fallback stands in one file of the package."""
    naming = [
        file.name
        for file in PACKAGE.rglob("*.*")
        if file.suffix in {".py", ".js", ".jsx", ".mjs", ".json", ".css"}
        and "bundle" not in file.parts
        and "esm.sh" in file.read_text("utf-8").replace("setup-workers/esm.sh", "")
    ]

    assert naming == ["cdn.py"]


def test_dependencies_have_exact_versions() -> None:
    """Nothing is locked, so nothing that is named may float."""
    package = PACKAGE / "edge" / "explorer" / "sources" / "package.json"
    versions = json.loads(package.read_text())["dependencies"]

    assert [name for name, of in versions.items() if not re.fullmatch(r"\d+\.\d+\.\d+", of)] == []


@pytest.mark.parametrize(
    ("name", "query", "variables", "expected"),
    [
        ("A", "query A {", "", "Syntax Error"),
        ("A", "query B { b }", "", "no operation of that name"),
        ("A", "fragment A on Query { b }", "", "no operation of that name"),
        ("A", "query A { b }", "[1]", "variables"),
        ("A", "query A { b }", "{", "variables"),
    ],
)
def test_an_example_that_cannot_work_is_refused(
    name: str, query: str, variables: str, expected: str
) -> None:
    """A wrong example is found when the gateway starts, not by the person who tries it."""
    with pytest.raises(ValueError, match=expected):
        Example(name, query, variables)


@pytest.mark.parametrize("endpoint", ["graphql", "//elsewhere/graphql", "https://elsewhere/"])
def test_the_endpoint_is_a_path_of_this_origin(endpoint: str) -> None:
    """The policy would block any other, so it is refused at once."""
    with pytest.raises(ValueError, match="endpoint"):
        Explorer(endpoint=endpoint, bundle=None)


def test_examples_have_names_of_their_own() -> None:
    """Two tabs of one name could not be told apart."""
    with pytest.raises(ValueError, match="same name"):
        Explorer(examples=[CASE, CASE], bundle=None)


async def test_the_routes_come_ready_for_an_application() -> None:
    """One call gives the page and its files, whether or not this installation has a bundle."""
    transport = httpx.ASGITransport(
        Starlette(routes=explorer_routes(endpoint="/api", examples=[CASE]))
    )
    client = httpx.AsyncClient(transport=transport, base_url="http://gateway")

    assert (await client.get("/")).status_code == 200
    assert "/api" in (await client.get("/")).text
