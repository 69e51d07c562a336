import asyncio
import os
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from callgate.signaling.tls import BadCertificate, TlsFiles
from callgate.signaling.transport import Listener
from callgate.testing.clock import ManualClock
from tests.peers.certificates import Authority, Certificate
from tests.signaling.conftest import House
from tests.signaling.test_leg import joined
from tests.signaling.wire import ANSWER, OFFER, Caller, TcpWire

TLS = (Listener("tls", "127.0.0.1", 0),)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def own(authority: Authority) -> Certificate:
    return authority.signs("gate")


def files(own: Certificate, authority: Authority, **more: object) -> TlsFiles:
    return TlsFiles(str(own.certificate), str(own.key), peer_ca=str(authority.path), **more)  # type: ignore[arg-type]


@pytest.fixture
async def house(own: Certificate, authority: Authority) -> AsyncIterator[House]:
    house = House()
    await house.open(further=TLS, tls=files(own, authority))
    yield house
    await house.close()
    assert house.warnings == []


async def a_caller(house: House, context: ssl.SSLContext) -> Caller:
    return Caller(await house.tls(context), house.address)


async def answers(caller: Caller) -> bool:
    await caller.send("OPTIONS", to_tag="")
    return (await caller.response()).status == 200


# ------------------------------------------------------------------------------------------------------------- a call


async def test_a_call_over_tls(house: House, authority: Authority) -> None:
    caller = await a_caller(house, authority.trusting())
    await caller.send("INVITE", body=OFFER)
    leg, ear = await house.calls.leg()
    assert (leg.attempt.transport, leg.reliable_transport) == ("tls", True)
    leg.answer(ANSWER)
    answer = await caller.final()
    assert answer.via.transport == "TLS"
    tls_port = house.endpoint.transports.listeners[2].port
    assert answer.contact is not None
    assert answer.contact.uri == f"sip:callgate@127.0.0.1:{tls_port};transport=tls"
    await caller.acknowledge()
    assert (await ear.heard())[0] == "confirmed"
    leg.hang_up()
    bye = await caller.incoming()
    assert (bye.method, bye.via.transport, bye.via.port) == ("BYE", "TLS", tls_port)


@pytest.mark.rfc("3261", "12.1.1", "UAS behavior")
@pytest.mark.parametrize("where", ["request", "route", "contact"])
async def test_sips_is_answered_with_sips(house: House, authority: Authority, where: str) -> None:
    caller = await a_caller(house, authority.trusting())
    headers = []
    if where == "request":
        caller.target = caller.target.replace("sip:", "sips:")
    elif where == "route":
        headers = [("Record-Route", "<sips:127.0.0.1;lr>")]
    data = caller.request("INVITE", body=OFFER, headers=headers)
    if where == "contact":
        data = data.replace(b"Contact: <sip:", b"Contact: <sips:")
    await caller.wire.send(data)
    leg, _ = await house.calls.leg()
    leg.answer(ANSWER)
    contact = (await caller.final()).contact
    assert contact is not None
    assert contact.uri == f"sips:callgate@127.0.0.1:{house.endpoint.transports.listeners[2].port}"
    await caller.acknowledge()


async def test_messages_in_any_pieces(house: House, authority: Authority) -> None:
    caller = await a_caller(house, authority.trusting())
    data = caller.request("OPTIONS") + caller.request("OPTIONS") + b"\r\n\r\n" + caller.request("INVITE", body=OFFER)
    for start in range(0, len(data), 11):
        await caller.wire.send(data[start : start + 11])
    assert [(await caller.response()).status for _ in range(3)] == [200, 200, 100]


async def test_a_message_of_many_records(house: House, authority: Authority) -> None:
    caller = await a_caller(house, authority.trusting())
    await caller.send("OPTIONS", headers=[("X-Long", "x" * 4_000)] * 9)
    assert (await caller.response()).status == 200


# ----------------------------------------------------------------------------------------------------- certificates


async def test_a_new_certificate_is_for_new_connections_and_the_old_ones_stay(
    authority: Authority, own: Certificate, tmp_path: Path
) -> None:
    paths = own.copied_to(tmp_path)
    contexts = files(paths, authority)
    house = House()
    await house.open(further=TLS, tls=contexts)
    contexts.watch(house.clock)
    before = await a_caller(house, authority.trusting())
    leg, ear = await joined(house, before)
    second = authority.signs("gate-renewed")
    second.copied_to(tmp_path)
    house.clock.advance(5)
    assert contexts.reloads == 1
    after = await a_caller(house, authority.trusting())
    assert [shown(caller.wire) for caller in (before, after)] == [own.pem, second.pem]
    assert await answers(after)
    leg.hang_up()
    assert (await before.incoming()).method == "BYE"
    assert ear.silent
    contexts.close()
    await house.close()


def shown(wire: TcpWire) -> bytes:
    """The certificate that the gate has shown on a connection."""
    found: bytes = wire._writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return found


async def test_half_of_a_new_certificate_is_waited_out_and_complained_of_once(
    authority: Authority, own: Certificate, tmp_path: Path
) -> None:
    paths = own.copied_to(tmp_path)
    warnings: list[str] = []
    clock = ManualClock()
    contexts = files(paths, authority, warn=warnings.append)
    contexts.watch(clock)
    old = contexts.server
    second = authority.signs("gate-half")
    paths.certificate.write_bytes(second.certificate.read_bytes())  # its key comes later
    clock.advance(20)
    assert (contexts.server, contexts.reloads, len(warnings)) == (old, 0, 1)
    assert "the one before stays" in warnings[0]
    paths.certificate.unlink()
    clock.advance(5)
    assert contexts.server is old
    assert "there is no file" in warnings[1]
    second.copied_to(tmp_path)
    clock.advance(5)
    assert (contexts.server is old, contexts.reloads) == (False, 1)
    contexts.close()
    clock.advance(60)


def test_files_that_cannot_be_used_are_named(authority: Authority, own: Certificate, tmp_path: Path) -> None:
    other = authority.signs("other")
    nonsense, encrypted, secret = tmp_path / "nonsense", tmp_path / "encrypted", tmp_path / "secret"
    nonsense.write_text("nonsense")
    command = ["openssl", "pkey", "-aes256", "-passout", "pass:x", "-in", str(own.key), "-out", str(encrypted)]
    subprocess.run(command, check=True)
    cases: tuple[tuple[Path, Path, dict[str, Any], str], ...] = (
        (own.certificate, tmp_path / "gone", {}, "there is no file .*gone"),
        (tmp_path / "gone", own.key, {}, "there is no file .*gone"),
        (own.certificate, other.key, {}, "no certificate and its key: key values mismatch"),
        (nonsense, own.key, {}, "no certificate and its key"),
        (own.certificate, encrypted, {}, "is encrypted; expected one without a password"),
        (tmp_path, own.key, {}, "cannot read"),
        (own.certificate, own.key, {"client_ca": str(tmp_path / "gone")}, "there is no file"),
        (own.certificate, own.key, {"client_ca": str(nonsense)}, "holds no certificates"),
        (own.certificate, own.key, {"peer_ca": str(tmp_path)}, "cannot read|holds no certificates"),
    )
    for certificate, key, more, words in cases:
        with pytest.raises(BadCertificate, match=words):
            TlsFiles(str(certificate), str(key), **more)
    if os.getuid():  # root may read everything
        secret.write_bytes(own.key.read_bytes())
        secret.chmod(0)
        with pytest.raises(BadCertificate, match="permission denied"):
            TlsFiles(str(own.certificate), str(secret))


@pytest.mark.parametrize("required", [True, False])
async def test_clients_with_and_without_a_certificate(
    authority: Authority, own: Certificate, tmp_path: Path, required: bool
) -> None:
    house = House()
    await house.open(further=TLS, tls=files(own, authority, client_ca=str(authority.path), client_required=required))
    assert await answers(await a_caller(house, authority.trusting(authority.signs("client"))))
    bare = await outcome(house, authority.trusting())
    assert bare == ("turned away" if required else "answered")
    others = Authority(tmp_path, "others")
    assert await outcome(house, authority.trusting(others.signs("stranger"))) == "turned away"
    await house.close()


async def outcome(house: House, context: ssl.SSLContext) -> str:
    try:  # with TLS 1.3 a client hears of its refusal after the handshake
        return "answered" if await answers(await a_caller(house, context)) else "refused"
    except (ssl.SSLError, ConnectionError, EOFError):
        return "turned away"


async def test_what_is_old_is_turned_away(house: House, authority: Authority) -> None:
    context = authority.trusting()
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
    assert await outcome(house, context) == "answered"
    context.set_ciphers("DEFAULT@SECLEVEL=0")  # so that it is not the client that will not
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert await outcome(house, context) == "turned away"


# ---------------------------------------------------------------------------------------------- whoever does otherwise


async def test_a_handshake_that_is_not_finished_holds_up_nobody_and_ends(house: House, authority: Authority) -> None:
    port = house.endpoint.transports.listeners[2].port
    silent, begun = [TcpWire(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(2)]
    house.wires += [silent, begun]
    await begun.send(b"\x16\x03\x01\x02\x00\x01")  # the first bytes of a client's hello
    caller = await a_caller(house, authority.trusting())
    assert await answers(caller)
    assert len(house.endpoint.transports._connections) == 3
    house.clock.advance(10)
    assert await silent.ended()
    assert await begun.ended()
    assert await answers(caller)


@pytest.mark.parametrize(
    "rubbish", [b"OPTIONS sip:x SIP/2.0\r\n\r\n", b"\0" * 300, b"\xff" * 70_000, b"\x16\x03\x01\xff\xff"]
)
async def test_what_is_no_tls_ends_the_connection(house: House, authority: Authority, rubbish: bytes) -> None:
    port = house.endpoint.transports.listeners[2].port
    wire = TcpWire(*await asyncio.open_connection("127.0.0.1", port))
    house.wires.append(wire)
    await wire.send(rubbish)
    try:
        async with asyncio.timeout(5):
            while await wire._reader.read(1_000):  # the alert that says what was wrong
                pass
    except ConnectionError:
        pass
    assert await answers(await a_caller(house, authority.trusting()))


async def test_a_damaged_record_ends_the_connection(house: House, authority: Authority) -> None:
    caller = await a_caller(house, authority.trusting())
    assert await answers(caller)
    sock = caller.wire._writer.get_extra_info("socket")
    os.write(sock.fileno(), b"\x17\x03\x03\x00\x20" + b"x" * 32)
    with pytest.raises((EOFError, ssl.SSLError)):
        await caller.response()


async def test_a_goodbye_is_said_and_heard(house: House, authority: Authority) -> None:
    caller = await a_caller(house, authority.trusting())
    assert await answers(caller)
    house.clock.advance(601)
    assert await caller.wire.ended()
    other = await a_caller(house, authority.trusting())
    assert await answers(other)
    other.wire.close()
    await other.wire._writer.wait_closed()
    for _ in range(50):
        if not len(house.endpoint.transports._connections):
            break
        await asyncio.sleep(0.01)  # the kernel carries the goodbye
    assert len(house.endpoint.transports._connections) == 0


async def test_a_caller_that_does_not_read_is_let_go(house: House, authority: Authority) -> None:
    caller = await a_caller(house, authority.trusting())
    working = await a_caller(house, authority.trusting())
    assert await answers(caller)
    caller.wire._writer.transport.pause_reading()
    connection = next(
        one for one in house.endpoint.transports._connections._all if one.peer and one.peer.port == caller.wire.port
    )
    for _ in range(200):
        connection.send(b"x" * 100_000)
        if connection.closed:
            break
    assert connection.closed
    assert await answers(working)


# ------------------------------------------------------------------------------------------------ connections of ours


async def listening(context: ssl.SSLContext) -> tuple[asyncio.Server, int, asyncio.Queue[bytes]]:
    """A peer that listens for TLS, and what it has got."""
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            got.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        except (asyncio.IncompleteReadError, ConnectionError):
            got.put_nowait(b"")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=context)
    return server, server.sockets[0].getsockname()[1], got


def serving(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context


async def test_a_bye_finds_a_caller_whose_connection_has_gone(house: House, authority: Authority) -> None:
    server, port, got = await listening(serving(authority.signs("phone")))
    caller = await a_caller(house, authority.trusting())
    caller.contact_port = port
    leg, _ = await joined(house, caller)
    caller.wire.close()
    await asyncio.sleep(0.05)  # the kernel carries the goodbye
    leg.hang_up()
    async with asyncio.timeout(5):
        assert (await got.get()).startswith(b"BYE ")
    server.close()


@pytest.mark.rfc("5922", "7.2", "Comparing SIP Identities")
@pytest.mark.parametrize("what", ["another name", "another authority"])
async def test_a_bye_is_not_told_to_whoever_has_no_right_to_it(
    house: House, authority: Authority, tmp_path: Path, what: str
) -> None:
    signer = authority if what == "another name" else Authority(tmp_path, "others")
    names = "DNS:elsewhere.example" if what == "another name" else "IP:127.0.0.1"
    server, port, got = await listening(serving(signer.signs("impostor", names)))
    caller = await a_caller(house, authority.trusting())
    caller.contact_port = port
    leg, _ = await joined(house, caller)
    caller.wire.close()
    await asyncio.sleep(0.05)  # the kernel carries the goodbye
    leg.hang_up()
    for _ in range(100):
        if house.endpoint.busy[2] == 0:
            break
        await asyncio.sleep(0.02)
    assert house.endpoint.busy[2] == 0  # nobody is left to be told
    assert got.empty()
    server.close()
