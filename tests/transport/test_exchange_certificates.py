"""Whom the exchange trusts: nobody who cannot prove who he is, and then nothing is sent."""

import asyncio
import ipaddress
import socketserver
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from casegraph.errors import CertificateRefused, UpstreamUnavailable
from casegraph.transport.exchange import ExchangeConfig
from casegraph.transport.exchange_lean import LeanExchange
from support.raw_server import for_ever, raw_server, response

DAY = timedelta(days=1)


def named(name: str) -> x509.Name:
    """Return a distinguished name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """A certificate authority that lives as long as the test."""

    def __init__(self, name: str) -> None:
        self.name = named(name)
        self.key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        self.certificate = (
            self._builder(self.name, self.key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def _builder(self, subject: Any, key: Any, age: timedelta = DAY) -> x509.CertificateBuilder:
        start = datetime.now(UTC) - age
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + 30 * DAY)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )

    def write(self, folder: Path) -> str:
        """Write the authority's own certificate and return its path."""
        file = folder / "authority.pem"
        file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return str(file)

    def issue(self, folder: Path, *names: x509.GeneralName, age: timedelta = DAY) -> Path:
        """Write a key and a certificate of 30 days for these names into one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._builder(named("server"), key, age)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        file = folder / "server.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file


HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
ELSEWHERE = x509.DNSName("elsewhere.example")


class Served(socketserver.ThreadingTCPServer):
    """A TLS server on loopback that answers every request with an empty list."""

    daemon_threads = True

    def __init__(self, file: Path) -> None:
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(file)
        self.requests: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Visit)
        self.origin = f"https://127.0.0.1:{self.server_address[1]}"


class Visit(socketserver.BaseRequestHandler):
    """One connection: a handshake, a request, an answer."""

    def handle(self) -> None:
        """Keep whatever comes after the handshake."""
        try:
            with self.server.tls.wrap_socket(self.request, server_side=True) as connection:
                data = connection.recv(65536)
                if data:
                    self.server.requests.append(data)
                    connection.sendall(response(b"[]", "Connection: close"))
        except OSError:
            pass  # the client did not trust us


@contextmanager
def served(file: Path) -> Iterator[Served]:
    """Serve with this key and certificate."""
    with Served(file) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Return the authority that the exchange is told to trust."""
    return Authority("Trusted in this test")


async def test_a_certificate_of_a_trusted_authority_is_accepted(
    open_exchange: Any, call_to: Any, authority: Any, tmp_path: Any
) -> None:
    """An authority handed to the exchange is trusted for the names in the certificate."""
    with served(authority.issue(tmp_path, HERE)) as server:
        exchange = open_exchange(ca_file=authority.write(tmp_path))
        reply = await exchange.send(call_to(server.origin))
    assert (reply.status, reply.body, len(server.requests)) == (200, b"[]", 1)


@pytest.mark.parametrize("fault", ["expired", "not_yet", "other_host", "stranger", "not_told"])
async def test_a_certificate_that_fails_is_refused_unsent(
    open_exchange: Any, call_to: Any, authority: Any, tmp_path: Any, fault: Any
) -> None:
    """Nothing is sent, repeating is called useless, and neither name nor host is told."""
    issuer = Authority("Stranger") if fault == "stranger" else authority
    age = {"expired": 40 * DAY, "not_yet": -10 * DAY}.get(fault, DAY)
    names = (ELSEWHERE,) if fault == "other_host" else (HERE,)
    bounds = {} if fault == "not_told" else {"ca_file": authority.write(tmp_path)}
    with (
        served(issuer.issue(tmp_path, *names, age=age)) as server,
        pytest.raises(CertificateRefused) as caught,
    ):
        await open_exchange(**bounds).send(call_to(server.origin, headers={"x-key": "s3cret"}))
    assert server.requests == []
    assert (caught.value.sent, caught.value.retryable) == (False, False)
    assert "127.0.0.1" not in str(caught.value)
    assert "elsewhere" not in str(caught.value)


async def test_a_self_signed_certificate_is_refused_unsent(
    open_exchange: Any, call_to: Any, authority: Any, tmp_path: Any
) -> None:
    """A server that vouches for itself is a stranger."""
    stranger = Authority("server")
    key = stranger.key
    own = (
        stranger._builder(stranger.name, key)
        .add_extension(x509.SubjectAlternativeName([HERE]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "own.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + own.public_bytes(serialization.Encoding.PEM)
    )
    with served(file) as server, pytest.raises(CertificateRefused):
        await open_exchange(ca_file=authority.write(tmp_path)).send(call_to(server.origin))
    assert server.requests == []


@asynccontextmanager
async def cutting(data: bytes) -> AsyncIterator[str]:
    """Serve connections that answer a greeting with these bytes and close."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(data)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x03\x00\x40\x02\x00", b"HTTP/1.1 400 No\r\n\r\n"])
async def test_a_handshake_that_is_cut_sent_nothing(
    open_exchange: Any, call_to: Any, data: Any
) -> None:
    """No handshake, half of one and one in clear are unavailable, unsent and may be repeated."""
    async with cutting(data) as origin:
        with pytest.raises(UpstreamUnavailable) as caught:
            await open_exchange().send(call_to(origin))
    assert not isinstance(caught.value, CertificateRefused)
    assert (caught.value.sent, caught.value.retryable) == (False, True)


async def test_a_handshake_that_hangs_ends_unsent_at_the_connect_time_out(
    open_exchange: Any, call_to: Any
) -> None:
    """A server that accepts and never greets is unavailable long before the total time-out."""
    async with raw_server(for_ever) as server:
        origin = server.origin.replace("http:", "https:")
        exchange = open_exchange(connect_seconds=0.1, total_seconds=30.0)
        async with asyncio.timeout(5):
            with pytest.raises(UpstreamUnavailable) as caught:
                await exchange.send(call_to(origin))
    assert not caught.value.sent


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run_lean(request: pytest.FixtureRequest) -> Any:
    """Return what runs a test of the default exchange on each loop."""

    def run(work: Any, **bounds: Any) -> Any:
        async def opened() -> Any:
            exchange = LeanExchange(ExchangeConfig(**bounds))
            try:
                return await work(exchange)
            finally:
                await exchange.close()

        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(opened())

    return run


def test_certificates_are_checked_on_both_loops(
    run_lean: Any, call_to: Any, authority: Any, tmp_path: Any
) -> None:
    """A good one is accepted, one of a stranger refused unsent, on whichever loop."""
    trusted = authority.write(tmp_path)
    with served(authority.issue(tmp_path, HERE)) as server:
        call = call_to(server.origin)
        assert run_lean(lambda exchange: exchange.send(call), ca_file=trusted).body == b"[]"
    with served(Authority("Stranger").issue(tmp_path, HERE)) as server:
        call = call_to(server.origin)
        with pytest.raises(CertificateRefused):
            run_lean(lambda exchange: exchange.send(call), ca_file=trusted)
        assert server.requests == []


def test_a_secured_connection_is_kept_on_both_loops(
    run_lean: Any, call_to: Any, authority: Any, tmp_path: Any
) -> None:
    """One handshake serves calls one after the other, and answers of a megabyte come whole."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.issue(tmp_path, HERE))
    body = b'"' + b"x" * 2**20 + b'"'
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(response(body))
        writer.close()

    async def calls(exchange: Any) -> list[bytes]:
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
            origin = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            bodies = [(await exchange.send(call_to(origin))).body for _ in range(3)]
            await exchange.close()
            return bodies

    assert run_lean(calls, ca_file=authority.write(tmp_path)) == [body] * 3
    assert connections == 1
