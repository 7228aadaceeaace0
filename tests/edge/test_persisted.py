"""Documents that clients name: what is kept, for how long, and what nobody can slip in."""

import json
from typing import Any

import pytest

from casegraph.edge.decoding import BadRequest
from casegraph.edge.parameters import Parameters
from casegraph.edge.persisted import (
    Documents,
    NotRegistering,
    NotTrusted,
    Registered,
    UnknownDocument,
)
from casegraph.edge.trusted import TrustedDocument, digest_of
from casegraph.engine.standard import Operation
from casegraph.loading.cache import cache_key
from casegraph.loading.kept_store import Entry, MemoryStore
from support.clock import Clock

TEXT = "query A { __typename }"
DIGEST = digest_of(TEXT)
OTHER = "{ other: __typename }"
MD5 = "65a1f232d289052f9aabcfdba49b1b07"


def named(
    digest: str | None = DIGEST, text: str | None = None, *, is_apq: bool = True
) -> Parameters:
    """Return a request that names a document by its digest, and maybe sends it."""
    return Parameters(text, {"a": 1}, None, f"sha256:{digest}" if digest else None, is_apq=is_apq)


async def registered(documents: Documents, text: str = TEXT) -> None:
    """Let a client register a text, as the endpoint does after it ran."""
    await documents.ran(named(digest_of(text), text))


async def found(documents: Documents, text: str = TEXT) -> bool:
    """Return whether a document is known by its digest."""
    try:
        operation = await documents.operation(named(digest_of(text)), reads_only=False)
    except UnknownDocument:
        return False
    assert operation.query == text
    return True


async def test_a_registered_document_is_found_by_its_digest() -> None:
    """With the request's own variables and name, in both dialects."""
    documents = Documents(registered=Registered())
    assert not await found(documents)

    await registered(documents)

    for is_apq in (True, False):
        asked = named(is_apq=is_apq)
        assert await documents.operation(asked, reads_only=True) == Operation(
            TEXT, {"a": 1}, None, reads_only=True
        )


async def test_a_text_without_an_id_is_not_kept() -> None:
    """Only who asks for it registers."""
    documents = Documents(registered=Registered())

    await documents.ran(Parameters(TEXT, None, None))

    assert not await found(documents)


@pytest.mark.parametrize("text", [OTHER, f"{TEXT} ", ""])
async def test_a_text_under_the_digest_of_another_is_refused(text: str) -> None:
    """Nobody can leave a text of his own under the digest that others name."""
    documents = Documents(registered=Registered())

    with pytest.raises(BadRequest, match="provided sha does not match query"):
        await documents.operation(named(DIGEST, text), reads_only=False)


async def test_a_text_with_an_id_that_says_nothing_of_it_is_refused() -> None:
    """An id that cannot be computed could be anybody's."""
    asked = Parameters(TEXT, None, None, "my-document")

    with pytest.raises(BadRequest, match="provided sha does not match query"):
        await Documents(registered=Registered()).operation(asked, reads_only=False)


async def test_the_oldest_go_when_there_are_too_many() -> None:
    """What is kept is bounded in number."""
    documents = Documents(registered=Registered(at_most=2))
    texts = [f"query Q{number} {{ __typename }}" for number in range(3)]

    for text in texts:
        await registered(documents, text)

    assert [await found(documents, text) for text in texts] == [False, True, True]


async def test_a_document_goes_when_its_time_is_over() -> None:
    """The client then sends the text once more."""
    clock = Clock()
    documents = Documents(registered=Registered(seconds=100, clock=clock))
    await registered(documents)

    await clock.sleep(99)
    assert await found(documents)
    await clock.sleep(2)
    assert not await found(documents)


async def test_processes_share_what_was_registered() -> None:
    """A store that both see carries a document from one to the other."""
    shared = MemoryStore()
    one, other = (Documents(registered=Registered(shared)) for _ in range(2))

    await registered(one)

    assert await found(other)
    await shared.delete(cache_key("document", DIGEST))
    assert await found(other)  # it has its own copy: under a digest a text cannot change


@pytest.mark.parametrize("value", [OTHER, None, 1, {"a": TEXT}])
async def test_what_others_left_in_the_store_is_checked(value: Any) -> None:
    """A store that somebody else can write is not believed."""
    shared = MemoryStore()
    entry = Entry(value, 0.0)
    shared.put(cache_key("document", DIGEST), entry, lambda each: json.dumps(each).encode(), 100)

    assert not await found(Documents(registered=Registered(shared)))


async def test_one_process_fills_the_shared_store_so_far_only() -> None:
    """Beyond its share a process keeps documents for itself, until the first have gone."""
    clock, shared = Clock(), MemoryStore()
    documents = Documents(registered=Registered(shared, seconds=100, at_most=2, clock=clock))
    fresh = Documents(registered=Registered(shared, clock=clock))
    texts = [f"query Q{number} {{ __typename }}" for number in range(3)]

    for text in texts:
        await registered(documents, text)
    assert [await found(fresh, text) for text in texts] == [True, True, False]
    assert await found(documents, texts[2])

    await clock.sleep(101)
    await registered(documents, OTHER)
    assert await found(fresh, OTHER)


async def test_without_registering_clients_are_told_to_stop_trying() -> None:
    """Apollo's clients read `PersistedQueryNotSupported`; a `documentId` is just not known."""
    documents = Documents()
    await registered(documents)

    with pytest.raises(NotRegistering, match=r"^PersistedQueryNotSupported$"):
        await documents.operation(named(), reads_only=False)
    with pytest.raises(UnknownDocument, match=r"^PersistedQueryNotFound$"):
        await documents.operation(named(is_apq=False), reads_only=False)
    assert (await documents.operation(named(DIGEST, TEXT), reads_only=False)).query == TEXT


TRUSTED = {f"sha256:{DIGEST}": TrustedDocument(TEXT, "A"), MD5: TrustedDocument(OTHER, None)}


@pytest.mark.parametrize("trusted_only", [True, False])
@pytest.mark.parametrize(
    ("asked", "text", "name"),
    [
        (named(), TEXT, "A"),
        (named(is_apq=False), TEXT, "A"),
        (named(DIGEST, TEXT), TEXT, "A"),
        (named(None, TEXT), TEXT, "A"),
        (Parameters(None, {"a": 1}, "B", f"sha256:{DIGEST}"), TEXT, "B"),
        (Parameters(None, {"a": 1}, None, MD5), OTHER, None),
        (Parameters(OTHER, {"a": 1}, None, MD5), OTHER, None),
        (named(digest_of(OTHER), OTHER), OTHER, None),
    ],
)
async def test_a_trusted_document_is_trusted_however_it_comes(
    asked: Parameters, text: str, name: str | None, trusted_only: bool
) -> None:
    """By its id or as its text; its only operation's name is told where the request says none."""
    documents = Documents(TRUSTED, Registered(), trusted_only=trusted_only)

    operation = await documents.operation(asked, reads_only=False)

    assert operation == Operation(text, {"a": 1}, name, is_trusted=True)


async def test_a_trusted_id_does_not_carry_another_text() -> None:
    """Neither a digest nor an id of another form."""
    documents = Documents(TRUSTED, Registered())

    for asked in (named(DIGEST, OTHER), Parameters(TEXT, None, None, MD5)):
        with pytest.raises(BadRequest, match="provided sha does not match query"):
            await documents.operation(asked, reads_only=False)


async def test_nothing_else_runs_where_only_trusted_documents_do() -> None:
    """A text is refused; an id is not known, even if somebody had registered it."""
    text = "query Mine { __typename }"
    kept = Registered()
    await kept.keep(digest_of(text), text)
    documents = Documents(TRUSTED, kept, trusted_only=True)

    with pytest.raises(UnknownDocument):
        await documents.operation(named(digest_of(text)), reads_only=False)
    for asked in (named(None, text), named(digest_of(text), text)):
        with pytest.raises(NotTrusted):
            await documents.operation(asked, reads_only=False)


async def test_others_run_beside_trusted_documents() -> None:
    """Without `only` a text is run, under all limits."""
    asked = Parameters("{ x: __typename }", None, None)

    operation = await Documents(TRUSTED).operation(asked, reads_only=False)

    assert operation == Operation("{ x: __typename }")
