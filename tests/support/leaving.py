"""A client that leaves in the middle, without having read anything."""

import json
import socket
from urllib.parse import urlencode, urlsplit

from support.gateway import Gateway


class LeavingClient:
    """A connection on which one operation was sent."""

    def __init__(
        self, gateway: Gateway, query: str, asked: dict[str, str], *, unread: int | None = None
    ) -> None:
        """Send it by POST; by GET where so many bytes of a body are sent that nobody reads."""
        parts = urlsplit(gateway.url)
        body = json.dumps({"query": query, "variables": asked}).encode()
        line = "POST /graphql"
        if unread is not None:
            line = f"GET /graphql?{urlencode({'query': query, 'variables': json.dumps(asked)})}"
            body = b" " * unread
        head = (
            f"{line} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._socket = socket.create_connection((str(parts.hostname), int(parts.port or 0)))
        self._socket.sendall(head.encode() + body)

    def leave(self) -> None:
        """Close the connection."""
        self._socket.close()
