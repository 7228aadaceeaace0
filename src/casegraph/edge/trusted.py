"""Trusted documents: those of the project's own frontends, read from a file at start.

The file is what graphql-codegen's client preset and relay-compiler write: one JSON object with the
text of a document under its id, which is a hash. They stand above the limits on documents, because
who can change this file can change the gateway's settings as well.
Invariant: a file that cannot be understood ends the start; every text in it is GraphQL, and an id
that says that it is a SHA-256 is that of its text.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from graphql import GraphQLSyntaxError, OperationDefinitionNode, parse

from casegraph.edge.parameters import DOCUMENT_ID_MAX, document_key

_PREFIX = "sha256:"


class TrustedDocumentsError(ValueError):
    """The file cannot be used; says why, and which of its documents is meant."""


@dataclass(frozen=True, slots=True)
class TrustedDocument:
    """A text, and the name of its operation where it has one operation, with a name."""

    text: str
    name: str | None


def read_trusted(path: Path) -> Mapping[str, TrustedDocument]:
    """Return the documents of a file by their ids in one spelling; raises TrustedDocumentsError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrustedDocumentsError(f"{path}: {error.strerror or 'cannot be read'}.") from None
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise TrustedDocumentsError(f"{path}: not valid JSON in UTF-8.") from None
    if not isinstance(found, dict):
        raise TrustedDocumentsError(f"{path}: one JSON object is asked for, ids to documents.")
    documents: dict[str, TrustedDocument] = {}
    for given, text in found.items():
        key = document_key(given)
        try:
            document = _document(given, text)
        except ValueError as error:
            raise TrustedDocumentsError(f"{path}: {given[:80]!r}: {error}") from None
        if documents.setdefault(key, document) != document:
            raise TrustedDocumentsError(f"{path}: {given[:80]!r}: there twice, with other texts.")
    return documents


def digest_of(text: str) -> str:
    """Return the SHA-256 of a document's text, in hex."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _document(given: str, text: Any) -> TrustedDocument:
    """Return a document; raises ValueError that says what is wrong with it."""
    if not given or len(given) > DOCUMENT_ID_MAX:
        raise ValueError(f"an id has 1 to {DOCUMENT_ID_MAX} characters.")
    if not isinstance(text, str):
        raise ValueError("the document is not a string.")  # noqa: TRY004  of a file, like the rest
    if given.startswith(_PREFIX) and document_key(given) != _PREFIX + digest_of(text):
        raise ValueError("is not the SHA-256 of its document.")
    try:
        definitions = parse(text).definitions
    except GraphQLSyntaxError as error:
        raise ValueError(f"{error.message}") from None
    operations = [each for each in definitions if isinstance(each, OperationDefinitionNode)]
    if not operations:
        raise ValueError("the document has no operation.")
    only = operations[0] if len(operations) == 1 else None
    return TrustedDocument(text, only.name.value if only and only.name else None)
