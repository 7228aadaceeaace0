"""The Khoros connector's reads as functions: a customer's cases, one case, the declared fields.

A customer's cases come whole, interactions inline, in one array without bound; asking for each of
them again would be a call per case for nothing.
Invariant: a body is read as JSON whatever its content type says, because the contract's own
document declares text/plain.
"""

from typing import Any

import msgspec

from casegraph.transport.calls import Effect, Reply
from casegraph.upstreams.base import Operation, Rest, raise_for_status
from casegraph.upstreams.customer_cases.records import CustomerCase, CustomField
from casegraph.upstreams.decode import Shape, Where, read_json
from casegraph.upstreams.paths import opaque

CUSTOMER_CASES = Operation("customer_cases", Effect.READ, "GET", "/customer/{customer}/cases")
CASE = Operation("case", Effect.READ, "GET", "/case/{case}")
OBJECT_FIELDS = Operation("object_fields", Effect.READ, "GET", "/meta/object/case")
OPERATIONS = (CUSTOMER_CASES, CASE, OBJECT_FIELDS)

_CASE = Shape[CustomerCase](CustomerCase)
_STAMPED = frozenset({"_custom_fields", "_asked_customer_id"})
"""Names that are ours in a record; the vendor's fields of these names are custom ones."""
_BUILT_IN = (
    frozenset(known.encode_name for known in msgspec.structs.fields(CustomerCase)) - _STAMPED
)


class CustomerCases:
    """The client. Every method raises InvalidArgument for a bad id and UpstreamError otherwise."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def customer_cases(self, customer_id: str) -> tuple[CustomerCase, ...]:
        """Return all cases of a customer; raises UpstreamNotFound for an unknown customer."""
        ids = {"customer": opaque("customerId", customer_id)}
        reply = await self._rest.call(CUSTOMER_CASES, ids)
        with self._rest.reading(CUSTOMER_CASES) as where:
            rows = read_json(reply.body, where) if reply.body else []
            if not isinstance(rows, list):
                raise where.violation("no array")
            return tuple(
                _case(row, where, f"$[{index}]", customer_id) for index, row in enumerate(rows)
            )

    async def case(self, customer_case_id: str) -> CustomerCase:
        """Return one case; raises UpstreamNotFound for an unknown one."""
        ids = {"case": opaque("customerCaseId", customer_case_id)}
        reply = await self._rest.call(CASE, ids, check=self._check_case)
        with self._rest.reading(CASE) as where:
            return _case(read_json(reply.body, where), where, "$", None)

    def _check_case(self, operation: Operation, reply: Reply, _where: Where) -> None:
        """Read 422 as unknown: the vendor lists no 404 for this path, and nothing else can fail."""
        status = 404 if reply.status == 422 else reply.status  # noqa: PLR2004
        raise_for_status(self._rest.upstream, operation.name, reply, status)

    async def object_fields(self) -> None:
        """Ask for the declared fields of a case, which changes nothing; for checking only."""
        await self._rest.call(OBJECT_FIELDS)


def _case(row: Any, where: Where, path: str, customer_id: str | None) -> CustomerCase:
    if not isinstance(row, dict):
        raise where.violation("no object", path)
    built_in = row
    if not _STAMPED.isdisjoint(row):
        built_in = {name: value for name, value in row.items() if name in _BUILT_IN}
    case = _CASE.convert(built_in, where, path)
    custom = tuple(
        CustomField(name, _text(value)) for name, value in row.items() if name not in _BUILT_IN
    )
    msgspec.structs.force_setattr(case, "custom_fields", custom)
    msgspec.structs.force_setattr(case, "asked_customer_id", customer_id)
    return case


def _text(value: Any) -> str | None:
    """Return a custom value as text; the contract types all of them so, a checkbox may differ."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
