"""What a request asks for, read from a JSON body or from a URL's query: the same names, one reader.

A member that is null, or empty in a URL, is absent. Three dialects name a document that the server
is to know already: `documentId`, `extensions.persistedQuery` of automatic persisted queries, and
both with the text beside them, which is how a client registers it.
Invariant: only BadRequest is raised; an id that is a SHA-256 has one spelling from here on.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from msgspec import Struct

from casegraph.edge.decoding import BadRequest, decode_json

DOCUMENT_ID_MAX = 256
"""Longest document id, in characters; a SHA-512 in hex has 128."""
_FIELDS_MAX = 32
"""Most fields of a URL's query; there are five of ours."""
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")
_DIGEST = "sha256:"
_APQ_VERSION = 1


class MalformedRequest(BadRequest):
    """JSON, or a URL, that is no request as GraphQL over HTTP describes it."""


class Parameters(Struct, frozen=True):
    """A request's parameters; at least one of `query` and `document_id` is there."""

    query: str | None
    variables: Mapping[str, Any] | None
    name: str | None
    document_id: str | None = None
    """`sha256:` with 64 hex digits in lower case, or an id of another form as it was sent."""
    is_apq: bool = False
    """Whether the id came as an automatic persisted query, whose clients know a way back."""

    @property
    def digest(self) -> str | None:
        """The id's SHA-256 in hex, where it is one."""
        if self.document_id is None or not self.document_id.startswith(_DIGEST):
            return None
        return self.document_id.removeprefix(_DIGEST)


def document_key(text: str) -> str:
    """Return an id in its one spelling: a SHA-256 is the same with and without `sha256:`."""
    found = _SHA256.fullmatch(text)
    return text if found is None else _DIGEST + found[1].lower()


def from_body(body: bytes) -> Parameters:
    """Return the parameters of a JSON body; raises BadRequest."""
    request = decode_json(body)
    if isinstance(request, list):
        raise MalformedRequest(
            "Send one operation at a time: batches, as JSON arrays, are not taken."
        )
    if not isinstance(request, dict):
        raise MalformedRequest("The body must be one JSON object.")
    return _read(request)


def from_url(query: bytes) -> Parameters:
    """Return the parameters of a URL's query; raises BadRequest."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError:  # UnicodeDecodeError is one
        raise BadRequest("The URL's query is not form-urlencoded UTF-8.") from None
    request: dict[str, Any] = {}
    for name, value in pairs:
        if name in request:
            raise MalformedRequest("The URL's query has a parameter twice.")
        request[name] = value or None
    for name in ("variables", "extensions"):
        if request.get(name) is not None:
            request[name] = _json(name, request[name])
    return _read(request)


def _json(name: str, text: str) -> Any:
    try:
        return decode_json(text.encode())
    except BadRequest as error:
        raise BadRequest(str(error).replace("The body", f"`{name}`", 1)) from None


def _read(request: Mapping[str, Any]) -> Parameters:
    query = _optional(request, "query", str, "the text of a GraphQL document")
    extensions = _optional(request, "extensions", dict, "an object or null")
    digest = _apq_digest(extensions) if extensions else None
    given = _optional(request, "documentId", str, "a string or null")
    if given is not None and len(given) > DOCUMENT_ID_MAX:
        raise MalformedRequest(f"`documentId` is longer than {DOCUMENT_ID_MAX} characters.")
    document_id = document_key(given) if given else None
    if digest is not None and document_id not in {None, digest}:
        raise MalformedRequest("`documentId` and `persistedQuery` name different documents.")
    if query is not None and not query.strip():
        query = None
    document_id = document_id or digest
    if query is None and document_id is None:
        raise MalformedRequest("`query` must hold the text of a GraphQL document.")
    return Parameters(
        query,
        _optional(request, "variables", dict, "an object or null"),
        _optional(request, "operationName", str, "a string or null") or None,
        document_id,
        is_apq=digest is not None,
    )


def _optional(request: Mapping[str, Any], name: str, kind: type, what: str) -> Any:
    value = request.get(name)
    if value is not None and not isinstance(value, kind):
        raise MalformedRequest(f"`{name}` must be {what}.")
    return value


def _apq_digest(extensions: Mapping[str, Any]) -> str | None:
    """Return what an automatic persisted query names, in the spelling of an id."""
    said = extensions.get("persistedQuery")
    if said is None:
        return None
    if not isinstance(said, dict) or said.get("version") != _APQ_VERSION:
        raise MalformedRequest("`persistedQuery` must be an object with version 1.")
    digest = said.get("sha256Hash")
    key = document_key(digest) if isinstance(digest, str) else ""
    if not key.startswith(_DIGEST):
        raise MalformedRequest("`sha256Hash` must be a SHA-256 as 64 hex digits.")
    return key
