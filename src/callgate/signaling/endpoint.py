"""The SIP endpoint: sorts what comes and sends what goes.

What comes is sorted in this order, and only the last kind ever meets the rules:

1. responses, to the client transaction of their branch;
2. copies and ACKs of requests whose server transaction lives (RFC 3261 section 17.2.3, Matching Requests to Server
   Transactions), and CANCELs for them;
3. requests with a To-tag, to their dialog: no such dialog, 481;
4. everything else: an INVITE becomes an attempt, OPTIONS and the rest are answered to admitted sources.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from callgate.core.admission.gateway import GatewayWatch
from callgate.core.sip.attempt import attempt_of
from callgate.core.sip.challenge import Login
from callgate.core.sip.dialog import Dialog
from callgate.core.sip.errors import ParseError, SipError
from callgate.core.sip.limits import MESSAGE_BYTES_MAX
from callgate.core.sip.message import Request, Response, respond
from callgate.core.sip.reason import why
from callgate.core.sip.stateless import acknowledges, refuse_statelessly, stateless_tag
from callgate.core.sip.timers import Timers
from callgate.core.sip.transaction import State
from callgate.core.sip.validate import validate_request, validate_response
from callgate.core.sip.via import BRANCH_COOKIE
from callgate.entities.attempt import Defect
from callgate.entities.decision import Verdict
from callgate.ports import Alarms, Clock, Considered, DialListener, Ids, IncomingCalls, Strangers
from callgate.runtime.tasks import TaskOwner
from callgate.signaling.exchange import ClientExchange, ServerExchange
from callgate.signaling.hops import next_hop
from callgate.signaling.leg import IncomingLeg
from callgate.signaling.living_calls import LivingCalls
from callgate.signaling.outgoing import CallListener, OutgoingCall, invite_of
from callgate.signaling.sip_log import DialogLogs, SipLogOptions
from callgate.signaling.transport import Connection, Hop, Listener, Peer
from callgate.signaling.transports import TransportOptions, Transports
from callgate.signaling.within_dialog import ALLOW, SUPPORTED, WithinDialog


class SipEndpoint:
    """Sorts the messages of all transports.

    Args:
        calls: asked about INVITEs; ``None``: none is taken.
        admits_source: whether requests other than INVITE are answered, by source address.
        draining: whether OPTIONS say that no new calls are taken.
        clock: time.
        alarms: wake-ups.
        ids: tags, branches, Call-IDs.
        tasks: owns what runs in the background.
        user_agent: our name and version.
        t1_s: timer T1.
        session_expires_s: the session interval that we would like, RFC 4028.
        transports: what an operator says about these.
        knows_source: whether a source may hold connections like one that is admitted; ``None``: those that are.
        strangers: who is noisy; ``None``: nobody is.
        replaces: whether INVITEs may ask to go on with a call, RFC 3891.
        refers: whether a REFER within a call may be followed, RFC 3515.
        sip_logs: what is kept of dialogs that callers begin; ``None``: nothing.
        warn: told in words what an operator must know.
    """

    def __init__(
        self,
        *,
        calls: IncomingCalls | None,
        admits_source: Callable[[str], bool],
        draining: Callable[[], bool],
        clock: Clock,
        alarms: Alarms,
        ids: Ids,
        tasks: TaskOwner,
        user_agent: str,
        t1_s: float = 0.5,
        session_expires_s: int = 1_800,
        transports: TransportOptions | None = None,
        knows_source: Callable[[str], bool] | None = None,
        strangers: Strangers | None = None,
        replaces: bool = False,
        refers: bool = False,
        sip_logs: SipLogOptions | None = None,
        warn: Callable[[str], None] = lambda words: None,
    ) -> None:
        self.clock = clock
        self.alarms = alarms
        self.timers = Timers.of(t1_s)
        self.session_expires_s = session_expires_s
        self.number = ids.number
        self.token = ids.token
        self.user_agent = user_agent
        self._calls = calls
        self._admits_source = admits_source
        self._draining = draining
        self._ids = ids
        self._warn = warn
        self._secret = ids.token(32).encode()
        self._gateways = GatewayWatch()
        self.transports = Transports(
            self,
            transports or TransportOptions(),
            clock=clock,
            alarms=alarms,
            ids=ids,
            tasks=tasks,
            known=knows_source or admits_source,
            in_use=self._carries_a_call,
            warn=warn,
        )
        self._server: dict[tuple[str, ...], ServerExchange] = {}
        self._client: dict[tuple[str, str], ClientExchange] = {}
        self._dialogs: dict[tuple[str, str, str], WithinDialog] = {}
        # INVITEs that are being served or have been accepted, by what their copies over other paths have in common.
        self._served: dict[tuple[str, str, int], ServerExchange] = {}
        self._legs: dict[tuple[str, ...], IncomingLeg] = {}
        self._strangers = strangers
        # Option tags that we could be required to understand.
        self.supported = (*SUPPORTED, *(("replaces",) if replaces else ()), *(("norefersub",) if refers else ()))
        self.refers = refers
        self.allow = f"{ALLOW}, REFER" if refers else ALLOW
        self._supported = frozenset(self.supported)
        self._living = LivingCalls()
        self._logs = None if sip_logs is None else DialogLogs(sip_logs, clock, alarms)

    async def start(self, host: str, port: int, further: Sequence[Listener] = ()) -> tuple[str, int]:
        """Listen: see `Transports.start`."""
        return await self.transports.start(host, port, further)

    def close(self) -> None:
        """Stop receiving and sending."""
        self.transports.close()
        if self._logs is not None:
            self._logs.close()

    @property
    def busy(self) -> tuple[int, int, int]:
        """How many server transactions, client transactions and dialogs live: all zero after a while of quiet."""
        return len(self._server), len(self._client), len(self._dialogs)

    async def dial(
        self,
        uri: str,
        *,
        from_uri: str,
        from_display_name: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        transport: str = "udp",
        sdp: Callable[[str], bytes] = lambda address: b"",
        listener: CallListener,
    ) -> OutgoingCall:
        """Begin a call of ours, for the built-in phone.

        Args:
            uri: whom to call; the host may be a name, which the system resolves.
            from_uri: who calls.
            from_display_name: likewise.
            headers: further ones.
            transport: ``udp`` or ``tcp``.
            sdp: makes the offer, given our address as the peer sees it.
            listener: told what becomes of it.

        Raises:
            ParseError: `uri` is none.
            OSError: its host cannot be resolved.
        """
        peer = await self.transports.peer_of(uri, transport)
        call = self.invite(
            uri,
            peer,
            from_uri=from_uri,
            from_display_name=from_display_name,
            headers=headers,
            sdp=sdp(self.transports.media_address(peer)),
            listener=listener,
        )
        call.listen(listener)
        return call

    def invite(
        self,
        uri: str,
        hop: Peer | Hop,
        *,
        from_uri: str,
        from_display_name: str | None = None,
        headers: Sequence[tuple[str, str]],
        sdp: bytes,
        listener: DialListener,
        login: Login | None = None,
    ) -> OutgoingCall:
        """Send an INVITE to a place that has been found; see `dial`."""
        invite = invite_of(
            uri,
            via=self.via(hop),
            contact=self.contact(hop.guess if isinstance(hop, Hop) else hop),
            from_uri=from_uri,
            from_display_name=from_display_name,
            from_tag=self._ids.token(8),
            call_id=self._ids.token(16),
            user_agent=self.user_agent,
            allow=self.allow,
            headers=headers,
            sdp=sdp,
        )
        call = OutgoingCall(self, invite, hop, listener, login)
        call.begin()
        return call

    # ---------------------------------------------------------------------------------- for exchanges and dialogs

    def via(self, peer: Peer | Hop) -> str:
        """Our hop towards a peer, with a fresh branch."""
        return self.transports.via(peer)

    def contact(self, peer: Peer, request: Request | None = None) -> str:
        """Where a peer reaches us: see `Transports.contact`."""
        return self.transports.contact(peer, request)

    def next_hop(self, dialog: Dialog, last: Peer) -> Peer | Hop:
        """Where a request within a dialog goes: see `hops.next_hop`."""
        return next_hop(dialog, last)

    def media_address(self, peer: Peer) -> str:
        """The address of ours that a peer's sound goes to."""
        return self.transports.media_address(peer)

    def transact(
        self, request: Request, hop: Peer | Hop, responded: Callable[[Response], None], failed: Callable[[str], None]
    ) -> ClientExchange:
        """Send a request and see it through."""
        peer = hop.guess if isinstance(hop, Hop) else hop
        exchange = ClientExchange(self, request, peer, responded, failed)
        self._client[exchange.key] = exchange
        self._living.enter(request.call_id)
        self.transports.find(request, hop, exchange.begin, exchange.not_sent)
        return exchange

    def send(self, request: Request, hop: Peer | Hop) -> None:
        """Send a request that has no transaction: the ACK of a 2xx."""

        def found(peer: Peer) -> None:
            self.deliver(request.encode(), peer, lambda reason: None)

        self.transports.find(request, hop, found, lambda reason: None)

    def deliver(self, data: bytes, peer: Peer, failed: Callable[[str], None]) -> None:
        """Send bytes to a peer; `failed` is told when they certainly did not get there."""
        if self._logs is not None:
            self._logs.sent(data, peer)
        self.transports.deliver(data, peer, failed)

    def keep(self, side: WithinDialog) -> None:
        """A dialog has begun."""
        dialog = side.dialog
        assert dialog is not None
        self._dialogs[dialog.call_id, dialog.local_tag, dialog.remote_tag] = side
        self._living.enter(dialog.call_id)

    def drop(self, side: WithinDialog) -> None:
        """A dialog is over."""
        dialog = side.dialog
        if dialog is None:
            return
        name = (dialog.call_id, dialog.local_tag, dialog.remote_tag)
        if self._dialogs.pop(name, None) is not None:
            self._living.leave(dialog.call_id)
            if self._logs is not None:
                self._logs.over(name)

    def served(self, exchange: ServerExchange) -> None:
        """An INVITE was refused: a copy of it that comes by another path is no merged request any more."""
        named = _served_key(exchange.request)
        if self._served.get(named) is exchange:
            del self._served[named]

    def forget(self, exchange: ServerExchange | ClientExchange) -> None:
        """A transaction is over."""
        if isinstance(exchange, ClientExchange):
            if self._client.pop(exchange.key, None) is not None:
                self._living.leave(exchange.request.call_id)
            return
        self._server.pop(exchange.key, None)
        if self._legs.pop(exchange.key, None) is not None:  # others were never served, and may be malformed
            self.served(exchange)

    # --------------------------------------------------------------------------------------------- what comes: sorted

    def unwanted(self, peer: Peer, data: bytes) -> bool:
        """Whether bytes are to be dropped unread: those of a noisy stranger that bear no living call's Call-ID."""
        strangers = self._strangers
        if strangers is None or not strangers.noisy(peer.address) or self._living.named_in(data):
            return False
        strangers.ignored(peer.address)
        return True

    def received(self, message: Request | Response, peer: Peer, size: int) -> None:
        """A message came."""
        try:
            if self._logs is not None:
                self._logs.came(message, peer)
            if isinstance(message, Response):
                self._response_came(message, peer)
            else:
                self._request_came(message, peer, size)
        except Exception as error:  # whatever one message did, the next must find us listening
            self._warn(f"a SIP message could not be dealt with: {error!r}")

    def _response_came(self, response: Response, peer: Peer) -> None:
        if validate_response(response) is not None:
            self._count(peer)
            return
        exchange = self._client.get((response.via.branch or "", response.cseq.method))
        if exchange is not None:
            exchange.received(response, peer)
        else:
            self._count(peer)

    def _request_came(self, request: Request, peer: Peer, size: int) -> None:
        try:
            request.stamp_source(peer.address, peer.port)
            self._sort(request, peer, size)
        except SipError as error:
            # Another version may write its Via in another way; that is not what is wrong with it.
            defect = validate_request(request, supported=self._supported) or Defect(error.status, error.reason)
            self._malformed(request, defect, peer, size)

    def garbled(self, error: ParseError, peer: Peer, size: int) -> None:
        """Bytes came that are no message."""
        request = error.partial
        try:
            if request is not None and request.method != "ACK":
                request.stamp_source(peer.address, peer.port)
            else:
                request = None
        except SipError:
            request = None  # without a Via nobody can be answered
        if request is None:
            self._count(peer)
            return
        self._malformed(request, Defect(error.status, error.reason), peer, size)

    def disconnected(self, connection: Connection) -> None:
        """A connection has gone."""
        for side in tuple(self._dialogs.values()):
            if side.peer.connection is connection:
                side.on_disconnected()

    def _sort(self, request: Request, peer: Peer, size: int) -> None:
        method = request.method
        key = _key(request)
        exchange = self._server.get(key)
        to_tag = request.to.tag
        if method == "ACK":
            if exchange is not None and exchange.state is not State.ACCEPTED:
                exchange.acknowledged()
            elif to_tag is not None:
                side = self._dialogs.get((request.call_id, to_tag, request.from_.tag or ""))
                if side is not None:
                    side.acknowledged(request)
                elif not acknowledges(request, self._secret):
                    self._count(peer)
            else:
                self._count(peer)
        elif exchange is not None:
            exchange.copied()
        elif method == "CANCEL":
            self._cancel_came(request, key, peer, size)
        elif to_tag is not None:
            side = self._dialogs.get((request.call_id, to_tag, request.from_.tag or ""))
            if side is None:
                self._count(peer)
                self._refuse(request, 481, peer, size)
            else:
                self._inside(side, request, self._serve(request, peer, key))
        else:
            words = self._gateways.seen(peer.address, request.via.host, self._admits_source)
            if words:
                self._warn(words)
            if method == "INVITE":
                self._invite_came(request, peer, key, size)
            else:
                self._stray_came(request, peer, key, size)

    def _inside(self, side: WithinDialog, request: Request, exchange: ServerExchange) -> None:
        """A request within a dialog; a transaction that was begun is answered, whatever happens."""
        defect = validate_request(request, supported=self._supported)
        if defect is not None:
            exchange.respond(
                respond(request, defect.status, headers=(*why(defect.status, defect.reason), *defect.headers))
            )
            return
        try:
            side.received(request, exchange)
        except Exception as error:
            if exchange.open:
                exchange.respond(respond(request, error.status if isinstance(error, SipError) else 500))
            if not isinstance(error, SipError):
                raise

    def _cancel_came(self, request: Request, key: tuple[str, ...], peer: Peer, size: int) -> None:
        """RFC 3261 section 9.2 (Server Behavior): 200 while the INVITE is known, even when it has its final answer."""
        invite = self._server.get((*key[:-1], "INVITE"))
        if invite is None:
            self._count(peer)
            self._refuse(request, 481, peer, size)
            return
        leg = self._legs.get(invite.key)
        tag = stateless_tag(invite.request, self._secret) if leg is None else leg.tag
        self._serve(request, peer, key).respond(respond(request, 200, to_tag=tag))
        if leg is not None:
            leg.cancelled()

    def _stray_came(self, request: Request, peer: Peer, key: tuple[str, ...], size: int) -> None:
        """A request outside any dialog, other than INVITE."""
        if not self._admits_source(peer.address):
            self._count(peer)
            self._refuse(request, 403, peer, size)
            return
        defect = validate_request(request, supported=self._supported)
        tag = stateless_tag(request, self._secret)
        if defect is not None:
            headers = (*why(defect.status, defect.reason), *defect.headers)
            answer = respond(request, defect.status, to_tag=tag, headers=headers)
        elif request.method == "OPTIONS":
            status, words = (503, "the node is shutting down") if self._draining() else (200, None)
            headers = (
                ("Allow", self.allow),
                ("Supported", ", ".join(self.supported)),
                ("Accept", "application/sdp"),
                *why(status, words),
                ("Server", self.user_agent),
            )
            answer = respond(request, status, to_tag=tag, headers=headers)
        else:
            answer = respond(request, 405, to_tag=tag, headers=(("Allow", self.allow),))
        self._serve(request, peer, key).respond(answer)

    def _invite_came(self, request: Request, peer: Peer, key: tuple[str, ...], size: int) -> None:
        defect = validate_request(request, supported=self._supported)
        if defect is None and _served_key(request) in self._served:
            defect = Defect(482, "the same INVITE is being served already; it came a second time by another path")
        if defect is None and any((via.branch or "", "INVITE") in self._client for via in request.vias[1:]):
            defect = Defect(482, "the INVITE is one of ours that a proxy has sent back")
        if defect is None and self._calls is not None:
            considered = self._consider(request, peer, None)
            if considered is None:
                self._refuse(request, 500, peer, size)
                return
            decision = considered.decision
            if decision.verdict in (Verdict.ADMIT, Verdict.ASK):
                self._hand_over(request, peer, key, considered)
            elif decision.verdict is Verdict.REFUSE:
                status = decision.status or 500
                if decision.stateless:
                    self._refuse(request, status, peer, size, decision.headers)
                else:
                    self._serve(request, peer, key).respond(
                        respond(
                            request,
                            status,
                            to_tag=stateless_tag(request, self._secret),
                            headers=(*decision.headers, *why(status, decision.reason), ("Server", self.user_agent)),
                        )
                    )
        elif defect is not None:
            self._malformed(request, defect, peer, size)
        else:
            self._refuse(request, 403, peer, size)

    def _hand_over(self, request: Request, peer: Peer, key: tuple[str, ...], considered: Considered) -> None:
        assert self._calls is not None
        log = None if self._logs is None else self._logs.begin(request, peer)
        exchange = self._serve(request, peer, key)
        exchange.respond(respond(request, 100))
        try:
            attempt = attempt_of(request, peer.address, peer.port, peer.transport, None)
            leg = IncomingLeg(self, exchange, attempt, self._ids.token(8))
            if log is not None:
                log.name = leg.dialog_name
            self._served[_served_key(request)] = exchange
            self._legs[key] = leg
            self.keep(leg)
            self._calls.arrived(leg, considered)
        except Exception as error:
            self._warn(f"an admitted call could not be begun: {error!r}")
            if considered.session is not None:
                considered.session.close()
            if exchange.open:
                exchange.respond(respond(request, 500, to_tag=stateless_tag(request, self._secret)))
            started = self._legs.get(key)
            if started is not None:
                self.drop(started)
            elif log is not None and self._logs is not None:
                self._logs.forget(log)
            self.served(exchange)

    def _malformed(self, request: Request, defect: Defect, peer: Peer, size: int) -> None:
        """Refuse what breaks the rules of SIP; of an INVITE a record is left, and whoever is noisy is not answered."""
        if request.method == "ACK":
            return
        if request.method == "INVITE" and self._calls is not None:
            considered = self._consider(request, peer, defect)
            if considered is None or considered.decision.verdict is Verdict.IGNORE:
                return
        elif not self._admits_source(peer.address):
            self._count(peer)
            return
        # The words are the first that go when the refusal would be longer than the request.
        words = defect.reason if self._admits_source(peer.address) else None
        self._refuse(request, defect.status, peer, size, (*why(defect.status, words), *defect.headers))

    def _consider(self, request: Request, peer: Peer, defect: Defect | None) -> Considered | None:
        assert self._calls is not None
        try:
            return self._calls.consider(attempt_of(request, peer.address, peer.port, peer.transport, defect))
        except Exception as error:
            self._warn(f"an INVITE could not be decided on: {error!r}")
            return None

    def _refuse(
        self, request: Request, status: int, peer: Peer, size: int, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        if self._admits_source(peer.address):
            # Whoever pretends to be an admitted source gains a few bytes; who is one needs an answer to a short BYE.
            size = MESSAGE_BYTES_MAX
        wire = refuse_statelessly(request, status, secret=self._secret, size_max=size, headers=headers)
        if wire is None or "Via" not in request.headers:
            return
        try:
            via = request.via
            port = peer.port if peer.reliable or via.wants_rport else via.port or 5060
        except SipError:  # it came with a Via that says nothing: where it came from is the best that is known
            port = peer.port
        self.deliver(wire, replace(peer, port=port), lambda reason: None)

    def _count(self, peer: Peer) -> None:
        """What came belongs to nothing; of strangers that is noise."""
        if self._strangers is not None:
            self._strangers.refused(peer.address)

    def _serve(self, request: Request, peer: Peer, key: tuple[str, ...]) -> ServerExchange:
        exchange = ServerExchange(self, request, peer, key)
        self._server[key] = exchange
        return exchange

    def _carries_a_call(self, connection: Connection) -> bool:
        return any(side.peer.connection is connection for side in self._dialogs.values())


def _key(request: Request) -> tuple[str, ...]:
    """What the copies of a request have in common, the method last. RFC 3261 section 17.2.3."""
    via = request.via
    method = "INVITE" if request.method == "ACK" else request.method
    branch = via.branch or ""
    if branch.startswith(BRANCH_COOKIE):
        return branch, via.host.lower(), str(via.port or 5060), method
    number = str(request.cseq.number)
    return "", request.call_id, request.from_.tag or "", number, via.host.lower(), str(via.port), branch, method


def _served_key(request: Request) -> tuple[str, str, int]:
    """What an INVITE and its forks have in common. RFC 3261 section 8.2.2.2 (Merged Requests)."""
    return request.call_id, request.from_.tag or "", request.cseq.number
