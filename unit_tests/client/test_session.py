"""The session over real sockets: an answer has its time as a whole, and comes whole or not at all."""

import datetime
import gzip
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from activecampaign_client import session as module
from activecampaign_client.account import Account
from activecampaign_client.answers import Limits, Request
from activecampaign_client.errors import ApiError
from activecampaign_client.session import Session
from unit_tests.servers import answering, server

BODY = json.dumps({"tags": [{"id": str(number), "tag": "vip" * 100} for number in range(100)]}).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def listening(talk: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that says to each connection what a test wants; its port."""
    done = threading.Event()

    def serve(connection: socket.socket) -> None:
        with closing(connection):
            try:
                talker = context.wrap_socket(connection, server_side=True) if context else connection
                with closing(talker):
                    talk(talker)
            except OSError:
                pass  # whoever asked has gone

    def accept() -> None:
        while not done.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def hear(connection: socket.socket) -> bytes:
    heard = b""
    while b"\r\n\r\n" not in heard:
        piece = connection.recv(4096)
        if not piece:
            break
        heard += piece
    return heard


def saying(*pieces: bytes, every: float = 0.0) -> Callable[[socket.socket], None]:
    """Answers one request in pieces, with a pause after each."""

    def talk(connection: socket.socket) -> None:
        hear(connection)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(every)

    return talk


def single_bytes(text: bytes) -> list[bytes]:
    return [text[place : place + 1] for place in range(len(text))]


def chunked(body: bytes, size: int = 1000) -> bytes:
    pieces = [body[place : place + size] for place in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


SIZED = HEAD + b"Content-Length: 200\r\n\r\n"
DRIPS = {
    "the status line": (b"HTTP/1.1 200 OK", b" " * 200),
    "headers": (HEAD + b"X-Filler: ", b"x" * 200),
    "the body": (SIZED, b"x" * 200),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunked(b"x" * 200, size=1)),
    "a gzipped body": (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 200\r\n\r\n", gzip.compress(BODY)[:200]),
    "a body without an end": (HEAD + b"Connection: close\r\n\r\n", b"x" * 200),
}


@pytest.mark.parametrize("drip", DRIPS)
def test_an_answer_that_drips_ends_when_its_time_is_over(drip):
    head, rest = DRIPS[drip]
    with listening(saying(head, *single_bytes(rest), every=0.05)) as port:
        began = time.monotonic()
        with pytest.raises(requests.RequestException):
            Session(1).get(f"http://127.0.0.1:{port}", timeout=(5, 0.5))
        assert 0.4 < time.monotonic() - began < 3


def test_an_answer_that_drips_is_said_not_to_have_come_in_time():
    with listening(saying(SIZED, *single_bytes(b"x" * 200), every=0.05)) as port:
        account = Account(f"http://127.0.0.1:{port}", "key", 100)
        with pytest.raises(ApiError, match=r"api/3/tags did not answer in time"):
            account.send(Request("tags"), Limits(attempts=1, answer=0.3))


def test_an_answer_that_takes_its_time_but_no_more_than_that_is_good():
    pieces = [BODY[place : place + 5000] for place in range(0, len(BODY), 5000)]
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY)
    with listening(saying(head, *pieces, every=0.05)) as port:
        assert Session(1).get(f"http://127.0.0.1:{port}", timeout=(5, 5)).content == BODY


def test_silence_ends_before_the_time_for_a_whole_answer(monkeypatch):
    monkeypatch.setattr(module, "LONGEST_SILENCE", 0.3)
    with listening(saying(SIZED, b"x", every=3)) as port:
        began = time.monotonic()
        with pytest.raises(requests.RequestException):
            Session(1).get(f"http://127.0.0.1:{port}", timeout=(5, 60))
        assert time.monotonic() - began < 2


ZIPPED = gzip.compress(BODY)
WHOLE = {
    "plain": HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "gzip": HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED) + ZIPPED,
    "chunked": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(BODY),
    "gzip, chunked": HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(ZIPPED, 100),
    "until the end": HEAD + b"Connection: close\r\n\r\n" + BODY,
}


@pytest.mark.parametrize("form", WHOLE)
def test_every_form_of_an_answer_comes_whole(form):
    with listening(saying(WHOLE[form])) as port:
        assert Session(1).get(f"http://127.0.0.1:{port}", timeout=(5, 5)).content == BODY


@pytest.mark.parametrize("form", ["plain", "gzip", "chunked", "gzip, chunked"])
def test_a_connection_that_is_closed_in_the_middle_is_no_answer(form):
    with listening(saying(WHOLE[form][:-20])) as port, pytest.raises(requests.RequestException):
        Session(1).get(f"http://127.0.0.1:{port}", timeout=(5, 5))


@pytest.mark.parametrize("form", ["plain", "chunked"])
def test_a_connection_that_is_reset_in_the_middle_is_asked_again(form):
    talks = [saying(WHOLE[form][:300]), saying(WHOLE[form][:40]), saying(), saying(WHOLE[form])]

    def talk(connection: socket.socket) -> None:
        # Closed so, it is a reset.
        if len(talks) > 1:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        talks.pop(0)(connection)

    with listening(talk) as port:
        account = Account(f"http://127.0.0.1:{port}", "key", 100, clock=fast, sleep=sleep_fast)
        assert account.send(Request("tags"), Limits(attempts=9)).response.content == BODY
    assert talks == []


def test_the_next_request_finds_the_connection_open_and_has_its_own_time():
    connections: list[int] = []

    def talk(connection: socket.socket) -> None:
        connections.append(1)
        while hear(connection):
            time.sleep(0.3)
            connection.sendall(WHOLE["plain"])

    with listening(talk) as port, Session(1) as session:
        for _ in range(4):
            assert session.get(f"http://127.0.0.1:{port}", timeout=(5, 1)).content == BODY
    assert len(connections) == 1


def test_an_answer_through_a_proxy_has_its_time_too(monkeypatch):
    with listening(saying(SIZED, *single_bytes(b"x" * 200), every=0.05)) as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "")
        began = time.monotonic()
        with pytest.raises(requests.RequestException):
            Session(1).get("http://acme.example/api/3/tags", timeout=(5, 0.5))
        assert 0.4 < time.monotonic() - began < 3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of this machine, its own authority, and the server's side of TLS with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return str(path), context


@pytest.mark.parametrize("form", WHOLE)
def test_every_form_of_an_answer_comes_whole_over_tls(form, certificate):
    path, context = certificate
    with listening(saying(WHOLE[form]), context) as port:
        assert Session(1).get(f"https://127.0.0.1:{port}", timeout=(5, 5), verify=path).content == BODY


@pytest.mark.parametrize("drip", ["headers", "the body"])
def test_an_answer_that_drips_ends_when_its_time_is_over_also_over_tls(drip, certificate):
    path, context = certificate
    head, rest = DRIPS[drip]
    with listening(saying(head, *single_bytes(rest), every=0.05), context) as port:
        began = time.monotonic()
        with pytest.raises(requests.RequestException):
            Session(1).get(f"https://127.0.0.1:{port}", timeout=(5, 0.5), verify=path)
        assert 0.4 < time.monotonic() - began < 3


# ---- a server that goes away and comes back, in time that runs a hundred times as fast


def fast() -> float:
    return time.monotonic() * 100


def sleep_fast(seconds: float) -> None:
    time.sleep(seconds / 100)


def test_a_server_that_refuses_connections_is_waited_for():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    account = Account(f"http://127.0.0.1:{port}", "key", 100, clock=fast, sleep=sleep_fast)
    answers: list[int] = []
    began = fast()

    def ask() -> None:
        answers.append(account.send(Request("tags")).status)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(5)]
    for thread in threads:
        thread.start()
    while fast() - began < 120:
        time.sleep(0.01)
    assert answers == []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answering()(self)

        def log_message(self, *_: object) -> None:
            pass

    with closing(socket.create_server(("127.0.0.1", port))) as again:
        served = 0
        again.settimeout(5)
        while served < 5:
            connection, address = again.accept()
            connection.settimeout(5)
            with closing(connection):
                Handler(connection, address, None)  # type: ignore[arg-type]
            served += 1
        for thread in threads:
            thread.join(5)
    assert answers == [200] * 5


def test_a_server_that_is_out_for_a_while_is_waited_for():
    began = fast()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        answering(200 if fast() - began > 200 else 503)(handler)

    with server(answer) as (here, received):
        account = Account(here, "key", 100, clock=fast, sleep=sleep_fast)
        assert account.send(Request("tags")).status == 200
    assert len(received) < 20
