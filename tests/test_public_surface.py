"""What others may import from this package."""

import casegraph
from casegraph.edge import explorer


def test_the_package_offers_an_app_and_its_settings() -> None:
    """Four names are the whole public surface; everything else may move."""
    assert sorted(casegraph.__all__) == ["Settings", "__version__", "create_app", "load_settings"]
    assert all(hasattr(casegraph, name) for name in casegraph.__all__)


def test_an_app_comes_from_settings_alone() -> None:
    """Mounting the gateway elsewhere takes two calls, and connects to nothing."""
    app = casegraph.create_app(casegraph.load_settings())

    assert "/graphql" in {getattr(route, "path", None) for route in app.routes}


def test_the_explorer_can_be_mounted_alone() -> None:
    """The explorer has a public surface of its own."""
    assert sorted(explorer.__all__) == ["Example", "Explorer", "explorer_routes"]
