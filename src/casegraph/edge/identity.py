"""Who is asking, and the one way in which somebody who may not is told so.

Whatever is wrong with a credential, the answer is the same: no words and no time say whether a key
was known once, a token expired or a signature failed. The reason is counted for operators, never
told to callers.
Invariant: an identity holds no credential, and its name fits the grammar of audit lines.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from casegraph.edge.decoding import BadRequest
from casegraph.engine.scopes import ALL_SCOPES

_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Identity:
    """One caller: a name for audit lines, rates and repeated mutations, and what it may do."""

    name: str
    scopes: frozenset[str] = field(default_factory=frozenset)


ANYONE = Identity("service", ALL_SCOPES)
"""The caller where nobody is asked who it is: everybody, as the service itself."""


class Unauthenticated(BadRequest):
    """No credential that counts here came with the request."""

    status = 401
    code = "UNAUTHENTICATED"

    def __init__(self, challenge: str) -> None:
        super().__init__("A credential that is valid here must come with the request.")
        self.headers: Mapping[str, str] = {"www-authenticate": challenge}


class RateExceeded(BadRequest):
    """This caller has asked more often than it may."""

    status = 429
    code = "RATE_LIMITED"

    def __init__(self, retry_after_ms: int, headers: Mapping[str, str]) -> None:
        super().__init__("This caller has asked more often than it may; wait a little.")
        self.retry_after_ms = retry_after_ms
        self.headers = headers


class KeysUnavailable(Exception):
    """The issuer's keys are not known and cannot be had; `seconds` is when to come back."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the issuer's keys cannot be had")
        self.seconds = seconds


class SignInUnavailable(BadRequest):
    """Nobody can be told from anybody just now: the issuer's keys cannot be had."""

    status = 503
    code = "UNAVAILABLE"

    def __init__(self, retry_after_ms: int) -> None:
        super().__init__("Credentials cannot be checked just now; wait a little.")
        self.retry_after_ms = retry_after_ms
        self.headers = {"retry-after": str(max(1, -(-retry_after_ms // 1000)))}


def subject_name(subject: str) -> str:
    """Return how a token's subject is named: as it is where it is a plain word, else a digest.

    A subject may be a mail address, which no log line should hold; who knows it finds its lines.
    """
    if _PLAIN.fullmatch(subject):
        return f"jwt:{subject}"
    digest = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()
    return f"jwt:sha256:{digest[:32]}"
