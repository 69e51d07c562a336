"""SIP over TLS. RFC 3261 section 26.3.1 (Requirements for Implementers of SIP), RFC 5922 (Domain Certificates in SIP).

TLS is worked on bytes here, and not left to the loop's transports: so the room for a connection is found before its
handshake costs anything, a handshake that is begun and not finished is ended by our own clock, and each connection
takes the certificate of its hour, whenever the files change.
"""

import asyncio
import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from callgate.ports import Alarm, Alarms
from callgate.signaling.tcp import Pool, TcpConnection
from callgate.signaling.transport import Listener

# Three round trips of a slow mobile network, some retransmissions included.
_HANDSHAKE_S_MAX: Final = 10.0
_LOOK_EVERY_S: Final = 5.0  # an ACME client writes twice in 90 days; whoever waits for it looks at once
_RECORD_BYTES: Final = 16_384  # RFC 8446 section 5.1 (Record Layer): the most that one read can bring
# What we may want to say before a handshake of ours is done: the requests of a busy trunk in a second.
_EARLY_BYTES_MAX: Final = 256 * 1024


class BadCertificate(Exception):
    """The files of a certificate cannot be used; says which and why."""


class TlsContexts:
    """What connections begin with.

    Attributes:
        server: for those that come; ``None``: none can.
        client: for those we make.
    """

    server: ssl.SSLContext | None = None

    def __init__(self) -> None:
        self.client = _client_context("", "", "", verify=True)


class TlsFiles(TlsContexts):
    """Contexts from files; read again when these change, for the connections that begin then.

    Args:
        certificate: PEM, ours first and then those between it and the root.
        key: PEM, not encrypted.
        client_ca: PEM of who signs clients' certificates; empty: none is asked for.
        client_required: whether a client without one is turned away.
        peer_ca: PEM of who signs the certificates of whom we connect to; empty: the system's.
        peer_verify: whether these are looked at.
        warn: told in words when new files cannot be used; the old ones are, meanwhile.

    Raises:
        BadCertificate: they cannot be used.
    """

    def __init__(
        self,
        certificate: str,
        key: str,
        *,
        client_ca: str = "",
        client_required: bool = True,
        peer_ca: str = "",
        peer_verify: bool = True,
        warn: Callable[[str], None] = lambda words: None,
    ) -> None:
        self._certificate, self._key = certificate, key
        self._client_ca, self._client_required = client_ca, client_required
        self._peer_ca, self._peer_verify = peer_ca, peer_verify
        self._warn = warn
        self._alarm: Alarm | None = None
        self._read = self._stamps()
        self._complaint = ""
        self.reloads = 0
        """How often other files have been taken."""
        self._load()

    def watch(self, alarms: Alarms) -> None:
        """Look at the files from now on."""
        self._alarm = alarms.after(_LOOK_EVERY_S, lambda: self._look(alarms))

    def close(self) -> None:
        """Look no more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _look(self, alarms: Alarms) -> None:
        self.watch(alarms)
        stamps = self._stamps()
        if stamps == self._read:
            return
        try:
            self._load()
        except BadCertificate as error:
            # Half of it may have been written so far: it is tried again, and complained of once.
            if str(error) != self._complaint:
                self._complaint = str(error)
                self._warn(f"a changed certificate is not taken, the one before stays: {error}")
            return
        self._read, self._complaint = stamps, ""
        self.reloads += 1

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        """What changes when a file is written anew or replaced."""
        return tuple(_stamp(path) for path in (self._certificate, self._key, self._client_ca, self._peer_ca) if path)

    def _load(self) -> None:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _own_certificate(server, self._certificate, self._key)
        server.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996: what is older is not to be used
        server.options |= ssl.OP_NO_RENEGOTIATION  # a client could have us reckon for nothing
        if self._client_ca:
            _authorities(server, self._client_ca)
            server.verify_mode = ssl.CERT_REQUIRED if self._client_required else ssl.CERT_OPTIONAL
        client = _client_context(self._certificate, self._key, self._peer_ca, verify=self._peer_verify)
        self.server, self.client = server, client  # both, or neither


class TlsConnection(TcpConnection):
    """One connection over TLS.

    Args:
        pool: those it is one of.
        listener: where it came in, or what its peer is told that we listen on.
        contexts: certificates.
        made_by_us: whether we connected.
        name: whose certificate we expect; empty: one for the address.
    """

    transport_name = "tls"

    def __init__(
        self,
        pool: Pool,
        listener: Listener | None,
        contexts: TlsContexts,
        *,
        made_by_us: bool = False,
        name: str = "",
    ) -> None:
        super().__init__(pool, listener, made_by_us=made_by_us, name=name)
        self._contexts = contexts
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._secured = False
        self._early = bytearray()  # what waits for the handshake
        self._impatience: Alarm | None = None
        self._wait: asyncio.Future[None] | None = None
        self._trouble = ""

    @property
    def ready(self) -> bool:
        """Whether messages can be sent."""
        return self._secured and not self.closed

    async def established(self) -> None:
        """Wait for the handshake.

        Raises:
            OSError: it has failed, or the certificate is not what it should be.
        """
        if not self._secured and not self.closed:
            self._wait = asyncio.get_running_loop().create_future()
            await self._wait
        if not self._secured:
            raise OSError(self._trouble or "the connection was closed during the handshake of TLS")

    def send(self, data: bytes) -> None:
        """Queue bytes; a closed connection swallows them."""
        if self.closed:
            return
        if not self._secured:
            if len(self._early) + len(data) > _EARLY_BYTES_MAX:
                self.abort()
                return
            self._early += data
            return
        assert self._tls is not None
        try:
            self._tls.write(data)
        except ssl.SSLError:
            self.abort()
            return
        self._flush()

    def close(self) -> None:
        """Say goodbye, and let go."""
        if self._secured and not self.closed and self._tls is not None:
            with suppress(ssl.SSLError):  # the peer's own goodbye is not waited for
                self._tls.unwrap()
            self._flush()
        super().close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        super().connection_made(transport)
        if self.closed:
            return
        assert self.peer is not None
        context = self._contexts.client if self.made_by_us else self._contexts.server
        assert context is not None, "who listens for TLS has a certificate"
        self._tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=not self.made_by_us,
            server_hostname=(self.peer.name or self.peer.address) if self.made_by_us else None,
        )
        self._impatience = self._pool.alarms.after(_HANDSHAKE_S_MAX, self._give_up)
        self._shake_hands()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        super().connection_lost(exc)
        self._settled()

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._heard = self._pool.clock.monotonic()
        self._incoming.write(data)
        if not self._secured and not self._shake_hands():
            return
        assert self._tls is not None
        ended = False
        try:
            while not self.closed:
                plain = self._tls.read(_RECORD_BYTES)
                if not plain:
                    ended = True
                    break
                self._read(plain)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            ended = True
        except ssl.SSLError:
            self._flush()  # with the alert that says what was wrong
            super().close()
            return
        self._flush()
        if ended:
            self.close()

    def _shake_hands(self) -> bool:
        """Go on with the handshake as far as it gets; whether it is done."""
        assert self._tls is not None
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:  # a certificate that is not accepted is one too
            self._trouble = _words(error)
            self._flush()
            super().close()
            return False
        self._secured = True
        self._settled()
        early, self._early = bytes(self._early), bytearray()
        if early:
            self._tls.write(early)
        self._flush()
        return True

    def _give_up(self) -> None:
        self._trouble = f"the handshake of TLS took more than {_HANDSHAKE_S_MAX:g} s"
        self.abort()

    def _settled(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None
        if self._wait is not None and not self._wait.done():
            self._wait.set_result(None)

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._write(data)


def _client_context(certificate: str, key: str, authorities: str, *, verify: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate:
        _own_certificate(context, certificate, key)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities:
        _authorities(context, authorities)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


def _own_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    try:
        # Whoever cannot be asked is not asked: a prompt at the terminal would stop everything.
        context.load_cert_chain(certificate, key, password=_no_password)
    except FileNotFoundError:
        missing = certificate if not os.path.exists(certificate) else key
        raise BadCertificate(f"there is no file {missing}") from None
    except _Encrypted:
        raise BadCertificate(f"the key in {key} is encrypted; expected one without a password") from None
    except ssl.SSLError as error:
        raise BadCertificate(f"{certificate} and {key} are no certificate and its key: {_words(error)}") from None
    except OSError as error:
        raise BadCertificate(f"cannot read {certificate} or {key}: {(error.strerror or str(error)).lower()}") from None


def _authorities(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except FileNotFoundError:
        raise BadCertificate(f"there is no file {path}") from None
    except ssl.SSLError as error:
        raise BadCertificate(f"{path} holds no certificates: {_words(error)}") from None
    except OSError as error:
        raise BadCertificate(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None


class _Encrypted(Exception):
    """A password is asked for."""


def _no_password() -> str:
    raise _Encrypted


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _words(error: ssl.SSLError) -> str:
    """What OpenSSL says, without where in its source it says so."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    return (error.reason or str(error)).replace("_", " ").lower()
