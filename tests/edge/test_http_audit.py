"""The official audits of GraphQL over HTTP, against the gateway as its own process."""

from support.command import started_command
from support.npm import run_client
from support.upstreams import Upstreams


def test_every_official_audit_is_passed(upstreams: Upstreams) -> None:
    """All 61 audits of the foundation's suite are ok: no error, no warning and no notice."""
    with started_command("serve", "--port", "0", variables=upstreams.environment) as gateway:
        url = gateway.read_until(r"GraphQL +(http\S+)")[1]
        audits = run_client("http_audit.mjs", url)

    assert [each for each in audits if each["status"] != "ok"] == []
    assert len(audits) == 61
