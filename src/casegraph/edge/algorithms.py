"""The algorithms with which an issuer may sign; apart from what checks signatures.

Settings name them, whether or not anybody signs in by token, and the library that checks them
takes 9 MB.
Invariant: each signs with a private key; none with a secret that we would share.
"""

from collections.abc import Mapping

SUPPORTED: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""Each algorithm with the type and the curve of its keys; none that signs with a shared secret."""
