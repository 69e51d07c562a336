"""SIP's side of the settings: where is listened, with which certificate, and which address the world is told."""

from collections.abc import Callable

from callgate.app.first_start import CannotStart
from callgate.config.load import parse_bind, parse_listen
from callgate.config.settings import Settings
from callgate.ports import Alarms, Ids
from callgate.runtime.tasks import TaskOwner
from callgate.signaling.addresses import Advertised, Machine
from callgate.signaling.connections import ConnectionLimits
from callgate.signaling.stun import AddressFinder
from callgate.signaling.tls import BadCertificate, TlsFiles
from callgate.signaling.transport import Listener
from callgate.signaling.transports import TransportOptions


class Listening:
    """What SIP's listeners are made of.

    Args:
        settings: as loaded.
        warn: told in words what an operator must know.

    Attributes:
        further: listeners besides `sip.bind`.
        media_bind: the address for sound's sockets.
        machine: what addresses are to this machine.

    Raises:
        CannotStart: a certificate cannot be used.
    """

    def __init__(self, settings: Settings, warn: Callable[[str], None]) -> None:
        self._settings = settings
        self._warn = warn
        self._advertised = Advertised(settings.advertise)
        self._finder: AddressFinder | None = None
        self.machine = Machine(self._advertised)
        self.further = [Listener(*parse_listen(text)) for text in settings.sip_listen]
        self.media_bind = settings.rtp_bind or media_bind(
            parse_bind("sip.bind", settings.sip_bind)[0], [listener.address for listener in self.further]
        )
        self._tls = self._certificate() if settings.tls_certificate else None

    def options(self) -> TransportOptions:
        """For the endpoint."""
        settings = self._settings
        return TransportOptions(
            limits=ConnectionLimits(
                connections_max=settings.sip_tcp_connections_max,
                source_max=settings.sip_source_connections_max,
                stranger_max=settings.sip_stranger_connections_max,
                strangers_max=settings.sip_strangers_connections_max,
                idle_s=settings.sip_tcp_idle_s,
                stranger_s=settings.sip_stranger_connection_s,
            ),
            tls=self._tls,
            advertised=self._advertised,
            local_networks=settings.local_networks,
            media_bind=self.media_bind,
        )

    async def begin(self, alarms: Alarms, ids: Ids, tasks: TaskOwner) -> None:
        """Watch the certificate, and find the address from outside: within seconds, or later in the background."""
        settings = self._settings
        if self._tls is not None:
            self._tls.watch(alarms)
        if settings.stun_server and not settings.advertise:
            host, port = parse_bind("stun.server", settings.stun_server)
            bound = parse_bind("sip.bind", settings.sip_bind)[0]
            self._finder = AddressFinder(
                host,
                port,
                every_s=settings.stun_every_s,
                bind="" if bound in ("0.0.0.0", "::") else bound,  # noqa: S104 - compared, not bound
                advertised=self._advertised,
                alarms=alarms,
                ids=ids,
                tasks=tasks,
                told=self._warn,
            )
            await self._finder.find()

    def close(self) -> None:
        """Watch and ask no more."""
        if self._tls is not None:
            self._tls.close()
        if self._finder is not None:
            self._finder.close()

    def outside(self, version: int) -> str:
        """The address that the world is told, of IPv4 or IPv6; empty: none in particular."""
        return self._advertised.of(version)

    def _certificate(self) -> TlsFiles:
        settings = self._settings
        try:
            return TlsFiles(
                settings.tls_certificate,
                settings.tls_key,
                client_ca=settings.tls_client_ca,
                client_required=settings.tls_client_required,
                peer_ca=settings.tls_peer_ca,
                peer_verify=settings.tls_peer_verify,
                warn=self._warn,
            )
        except BadCertificate as error:
            raise CannotStart(f"TLS cannot be had: {error} (tls.certificate, tls.key)") from error


def media_bind(host: str, others: list[str]) -> str:
    """Where sound is bound for callers of all listeners: the only address there is, else all of its family, or of both.

    Args:
        host: of `sip.bind`.
        others: addresses of further listeners.
    """
    if set(others) <= {host}:
        return host
    return "::" if any(":" in one for one in (host, *others)) else "0.0.0.0"  # noqa: S104 - as the listeners are
