"""What a version stood for is told to whoever was shown it, and to no other caller."""

from casegraph.linking.identity import CaseKey
from casegraph.loading.kept_store import MemoryStore
from casegraph.transport.forwarded import callers_proofs, proof_of
from casegraph.writing.versions import Versions

KEY = CaseKey("1", "7")
SNAPSHOT = {"name": "one"}


def become(name: str | None) -> None:
    """Go on as another caller."""
    proofs = {} if name is None else {"action_management": proof_of(b"k", "a", name)}
    callers_proofs.set(proofs)


async def test_a_version_of_another_caller_leads_to_nothing() -> None:
    """Neither to another caller's view nor to the service's."""
    versions = Versions(MemoryStore())
    become("anna")
    version = versions.remember(KEY, SNAPSHOT)

    assert await versions.recall(KEY, version) == SNAPSHOT
    for other in ("ben", None):
        become(other)
        assert await versions.recall(KEY, version) is None
