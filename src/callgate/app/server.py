"""The composition root of the control process: makes the parts, joins them, lets go of them in order."""

import asyncio
import os
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import uvicorn

from callgate.app.callers import caller_proofs
from callgate.app.first_start import CannotStart, demo_agent, first_account, make_folder, node_name
from callgate.app.listening import Listening
from callgate.app.outgoing import outgoing_of
from callgate.app.policies import Policies
from callgate.app.referring import transfers_of
from callgate.app.retention import Retention
from callgate.app.voices import offered_voices
from callgate.brains.tools.client import ToolClient
from callgate.calls.creation import CallMaker
from callgate.calls.gate import Gate, GateLimits
from callgate.calls.joining import Joining
from callgate.calls.registry import Registry
from callgate.calls.shadows import ShadowWatch
from callgate.calls.sip_logs import SipLogs
from callgate.calls.surroundings import Surroundings
from callgate.calls.target import Transfers
from callgate.config.load import parse_bind
from callgate.config.settings import Settings
from callgate.core.admission.callers import CallerProofs
from callgate.entities.json import JsonObject
from callgate.media.recording_folder import RecordingFolder
from callgate.media.workers import CannotStartWorker, WorkerMedia
from callgate.operations.operations import Operations
from callgate.ports import Alarms
from callgate.runtime.address_guard import AddressGuard, check_url
from callgate.runtime.alarms import LoopAlarms
from callgate.runtime.clock import SystemClock
from callgate.runtime.http import http_session
from callgate.runtime.ids import SystemIds
from callgate.runtime.tasks import TaskOwner
from callgate.schema.start_call import CheckUrl, validate_start_agent_call, validate_start_call
from callgate.signaling.dialling import Dialling
from callgate.signaling.endpoint import SipEndpoint
from callgate.signaling.listeners import CannotListen
from callgate.signaling.sip_log import SipLogOptions
from callgate.signaling.transport import Listener
from callgate.store.errors import StoreUnavailable
from callgate.store.open import Store, database_at, open_store
from callgate.telemetry import events
from callgate.web.app import create_app
from callgate.webhooks.ask import FallbackHandlerHook
from callgate.webhooks.deliver import Deliverer
from callgate.webhooks.handler_watch import HandlerWatch

_BRAINS: Final = "callgate.brains.catalogue:factories"
_DATABASE: Final = "callgate.db"
# Calls that were told to end have this long to say BYE, count their sound and be written down.
_LAST_WORDS_S: Final = 5.0
# At a hundred calls per second the store's log grows by some 2 MB in this time.
_CHECKPOINT_EVERY_S: Final = 2.0
# Changes of accounts by command are in force within a second; looking for them is one row by its key.
_FOLLOW_EVERY_S: Final = 0.5
# What a kill may lose of the counts beside the rules; the records themselves are in the store after 200 ms.
_KEEP_SHADOWS_EVERY_S: Final = 5.0


class _Uvicorn(uvicorn.Server):
    """Uvicorn without its signal handlers: Ctrl-C drains calls first."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `app.run`."""
        yield


def brain_settings(settings: Settings, *, allow_loopback: bool) -> JsonObject:
    """What the workers' factories are told. It holds the keys of models: never to be shown."""
    return {
        "models": {name: asdict(model) for name, model in settings.models.items()},
        "lastWords": settings.model_last_words,
        "allowPrivate": settings.url_allow_private,
        "allowLoopback": allow_loopback,
    }


class Server:
    """A running node.

    Attributes:
        settings: as loaded.
        sip_address: host and port of SIP over UDP and TCP.
        sip_listeners: all that SIP is listened for on.
        listening: what they are made of; there once started.
        http_address: host and port of the API.
        api_key: of the first account, or words that say where it is.
        registry: the calls in progress.
        store: what is kept; there once started.
    """

    store: Store
    listening: Listening

    def __init__(self, settings: Settings, log: Callable[..., None]) -> None:
        self.settings = settings
        self.registry = Registry()
        self.sip_address = ("", 0)
        self.sip_listeners: list[Listener] = []
        self.http_address = ("", 0)
        self.api_key = ""
        self._log = log
        self._tasks = TaskOwner(lambda name, error: log(events.CALL_FAILED, task=name, error=repr(error)))
        self._call_tasks = TaskOwner(lambda name, error: log(events.CALL_FAILED, task=name, error=repr(error)))
        self._clock = SystemClock()
        self._ids = SystemIds()
        self._process_id = self._ids.uuid()
        self._closers: list[Callable[[], object]] = []  # in the order of making
        self._gate: Gate | None = None

    @property
    def draining(self) -> bool:
        """Whether no new calls are taken."""
        return self._gate is None or self._gate.draining

    async def start(self, *, demo: bool) -> None:
        """Make everything and begin to serve.

        Raises:
            CannotStart: a port is taken, a folder unwritable …; what had been started is let go of.
        """
        try:
            await self._start(demo=demo)
        except (StoreUnavailable, CannotStartWorker) as error:
            raise CannotStart(str(error)) from error

    async def _start(self, *, demo: bool) -> None:
        settings, loop = self.settings, asyncio.get_running_loop()
        sip_host, sip_port = parse_bind("sip.bind", settings.sip_bind)
        # The ports first: they are what most often stands in the way.
        http_socket = _bind("http.bind", *parse_bind("http.bind", settings.http_bind))
        http_socket.listen(1_024)
        self._closers.append(http_socket.close)
        join_bind = settings.join_bind or f"{http_socket.getsockname()[0]}:0"
        # Held, not listened on: the workers share the port, and it stays ours when one of them is replaced.
        join_socket = _bind("join.bind", *parse_bind("join.bind", join_bind), shared=True)
        self._closers.append(join_socket.close)
        listening = self.listening = Listening(settings, self._warn)
        self._closers.append(listening.close)
        on_this_machine = ip_address(http_socket.getsockname()[0]).is_loopback

        folder = Path(settings.data_dir)
        make_folder(folder)
        store = await self._open_store(folder)
        await store.end_orphans()
        account, self.api_key = await first_account(store, folder, settings.api_key, self._clock.now())
        if demo:
            await demo_agent(store, account)
        policies = Policies(store.snapshot, settings, listening.machine.nature)
        join_address = join_socket.getsockname()[:2]
        media = await self._start_media(listening.media_bind, allow_loopback=on_this_machine, join_address=join_address)

        check = partial(
            check_url,
            allow_http=settings.url_allow_http,
            allow_private=settings.url_allow_private,
            allow_loopback=on_this_machine,
        )
        hook = self._make_hook(store, check, allow_loopback=on_this_machine)
        self._start_delivery(store, LoopAlarms(loop), allow_loopback=on_this_machine)
        self._closers += [self._tasks.close, self._call_tasks.close]
        transfers = transfers_of(settings, self.registry, lambda: policies.current.options.sound)
        around = self._surroundings(hook, LoopAlarms(loop), check, transfers)
        proofs = caller_proofs(settings, store.snapshot.accounts, self._ids.token(32).encode())
        shadows = ShadowWatch(lambda: policies.shadows, self._clock)
        sip_logs = SipLogs(store) if settings.sip_logs_enabled else None
        gate = self._make_gate(policies, media, around, proofs, shadows, sip_logs)
        guard = AddressGuard(settings.url_allow_private, on_this_machine)
        outgoing = outgoing_of(settings, media, self.registry, around, lambda: policies.current.options.sound, guard)
        joining = Joining(
            registry=self.registry,
            around=around,
            calls_max=settings.calls_max,
            limits_of=policies.limits_of_id,
            draining=lambda: gate.draining,
            join_url=partial(_join_url, settings.join_url or _web_socket(join_address)),
            outgoing=outgoing,
        )
        media.on_knock = joining.knocked
        await listening.begin(LoopAlarms(loop), self._ids, self._tasks)
        endpoint = await self._listen(gate, sip_logs, LoopAlarms(loop), sip_host, sip_port)
        if transfers is not None:
            transfers.dialler = Dialling(endpoint)
        if outgoing is not None:
            outgoing.dialler = Dialling(endpoint, guard.refusal)
        recordings = RecordingFolder(self._recordings_folder())
        operations = Operations(
            store=store,
            clock=self._clock,
            ids=self._ids,
            live=self.registry,
            requested=joining,
            domain_of=policies.domain_of,
            drafted=policies.drafted,
            check_url=check,
            hook=hook,
            handlers=hook,
            recordings=recordings,
            tasks=self._tasks,
            tool_client=self._make_tool_client(allow_loopback=on_this_machine),
            models=sorted({"demo", *settings.models}),
            voices=offered_voices(settings.models),
            limits_of=policies.limits_of,
            calls_max=settings.calls_max,
            shadows=shadows,
            sip_logs=settings.sip_logs_enabled,
            process_id=self._process_id,
        )
        self._serve_http(operations, gate, http_socket)
        retention = Retention(store, settings, recordings, self.registry, self._log)
        self._tasks.spawn(retention.run(), name="retention")
        self._tasks.spawn(self._checkpoint(), name="checkpoint")
        self._tasks.spawn(self._follow(), name="follow accounts")
        self._tasks.spawn(self._keep_shadows(shadows), name="keep shadows")
        self._gate = gate
        self._log(events.NODE_READY, sip=f"{self.sip_address[0]}:{self.sip_address[1]}", calls_max=settings.calls_max)

    async def _open_store(self, folder: Path) -> Store:
        settings = self.settings
        name, path = "", folder / _DATABASE
        if settings.database_url:
            name, file = node_name(folder, self._ids)
            self._closers.append(file.close)
        database = database_at(
            settings.database_url,
            path,
            node_name=name,
            synchronous=settings.store_synchronous,
            notify=settings.database_notify,
        )
        store = await open_store(
            database,
            clock=self._clock,
            ids=self._ids,
            failed=lambda words: self._log(events.STORE_FAILED, detail=words),
        )
        self.store = store
        self._closers.append(store.close)
        return store

    async def _start_media(self, bind: str, *, allow_loopback: bool, join_address: tuple[str, int]) -> WorkerMedia:
        settings = self.settings
        media = WorkerMedia(
            count=settings.media_workers or len(os.sched_getaffinity(0)),
            factory=_BRAINS,
            factory_settings=brain_settings(settings, allow_loopback=allow_loopback),
            bind=bind,
            port_first=settings.rtp_port_first,
            port_last=settings.rtp_port_last,
            port_rest_s=settings.rtp_port_rest_s,
            sessions_max=settings.calls_max,
            media_timeout_s=settings.media_timeout_s,
            codecs=settings.sound_codecs,
            recordings=str(self._recordings_folder()),
            recordings_free_bytes_min=settings.recordings_free_bytes_min,
            on_lost=lambda words: self._log(events.WORKER_LOST, detail=words),
            join_host=join_address[0],
            join_port=join_address[1],
        )
        self._closers.append(media.close)
        await media.start()
        return media

    def _recordings_folder(self) -> Path:
        settings = self.settings
        return Path(settings.recordings_dir or Path(settings.data_dir) / "recordings").absolute()

    def _make_hook(self, store: Store, check: CheckUrl, *, allow_loopback: bool) -> FallbackHandlerHook:
        settings = self.settings
        session = http_session(AddressGuard(allow_private=settings.url_allow_private, allow_loopback=allow_loopback))
        self._closers.append(session.close)
        watch = HandlerWatch(self._clock, self._log)

        def follow(account_id: str) -> None:
            config = store.snapshot.sip_config(account_id).config
            watch.follow(account_id, config.handler_urls, config.safeguards.breaker)

        for account in store.snapshot.accounts:
            follow(account.account_id)
        store.snapshot.on_change(follow)
        return FallbackHandlerHook(
            session=session,
            clock=self._clock,
            snapshot=store.snapshot,
            watch=watch,
            validate_start_call=partial(validate_start_call, check_url=check, ignore_medium=True),
            validate_start_agent_call=partial(validate_start_agent_call, check_url=check, ignore_medium=True),
            timeout_s=settings.handler_timeout_s,
            first_share=settings.handler_first_share,
            answer_bytes_max=settings.handler_answer_bytes_max,
        )

    def _start_delivery(self, store: Store, alarms: Alarms, *, allow_loopback: bool) -> None:
        settings = self.settings
        session = http_session(AddressGuard(allow_private=settings.url_allow_private, allow_loopback=allow_loopback))
        deliverer = Deliverer(
            store=store,
            webhooks=store.snapshot,
            session=session,
            clock=self._clock,
            alarms=alarms,
            chance=random.random,
            log=self._log,
            timeout_s=settings.webhook_timeout_s,
            requests_max=settings.webhook_requests_max,
            waiting_max=settings.webhook_waiting_max,
            first_pause_s=settings.webhook_retry_s,
        )
        store.on_waiting = deliverer.waits
        deliverer.start()
        self._closers += [session.close, deliverer.close]

    def _make_tool_client(self, *, allow_loopback: bool) -> ToolClient:
        client = ToolClient(AddressGuard(self.settings.url_allow_private, allow_loopback))
        self._closers.append(client.close)
        return client

    def _surroundings(
        self, hook: FallbackHandlerHook, alarms: Alarms, check: CheckUrl, transfers: Transfers | None
    ) -> Surroundings:
        settings = self.settings
        return Surroundings(
            clock=self._clock,
            ids=self._ids,
            alarms=alarms,
            snapshot=self.store.snapshot,
            store=self.store,
            hook=hook,
            tasks=self._call_tasks,
            maker=CallMaker(
                ids=self._ids,
                trust_asserted_identity=settings.trust_asserted_identity,
                sip_headers_win=settings.sip_headers_win,
                models=frozenset(settings.models),
                model_default=settings.model_default,
                check_url=check,
                voices={voice.voice_id: voice.name for voice in offered_voices(settings.models)},
            ),
            log=self._log,
            ring_after_s=settings.ring_after_s,
            ring_repeat_s=settings.ring_repeat_s,
            transfers=transfers,
            retry_after_s=settings.retry_after_s,
        )

    def _make_gate(
        self,
        policies: Policies,
        media: WorkerMedia,
        around: Surroundings,
        proofs: CallerProofs | None,
        shadows: ShadowWatch,
        sip_logs: SipLogs | None,
    ) -> Gate:
        settings = self.settings
        limits = GateLimits(
            calls_max=settings.calls_max,
            source_calls_per_s=settings.source_calls_per_s,
            noise_refusals_per_minute=settings.noise_refusals_per_minute,
            noise_pause_s=settings.noise_pause_s,
            noise_sources_max=settings.noise_sources_max,
            trust_asserted_identity=settings.trust_asserted_identity,
        )
        gate = Gate(
            policies=lambda: policies.current,
            media=media,
            registry=self.registry,
            around=around,
            limits=limits,
            proofs=proofs,
            shadows=shadows,
            sip_logs=sip_logs,
        )
        policies.on_change(gate.rules_changed)
        return gate

    async def _listen(self, gate: Gate, sip_logs: SipLogs | None, alarms: Alarms, host: str, port: int) -> SipEndpoint:
        settings = self.settings
        options = None
        if sip_logs is not None:
            options = SipLogOptions(sip_logs.keep, settings.sip_logs_messages_max, settings.sip_logs_bytes_max)
        endpoint = SipEndpoint(
            calls=gate,
            admits_source=gate.admits_source,
            draining=lambda: gate.draining,
            clock=self._clock,
            alarms=alarms,
            ids=self._ids,
            tasks=self._tasks,
            user_agent=f"Callgate/{version('callgate')}",
            t1_s=settings.sip_t1_ms / 1000,
            transports=self.listening.options(),
            knows_source=gate.knows_source,
            session_expires_s=settings.sip_session_expires_s,
            strangers=gate.strangers,
            replaces=settings.sip_replaces,
            refers=settings.sip_refer,
            sip_logs=options,
            warn=self._warn,
        )
        try:
            self.sip_address = await endpoint.start(host, port, self.listening.further)
        except CannotListen as error:
            ours = error.wanted in self.listening.further
            name, value = ("sip.listen", str(error.wanted)) if ours else ("sip.bind", settings.sip_bind)
            raise CannotStart(_cannot_bind(name, value, error)) from error
        except OSError as error:
            raise CannotStart(_cannot_bind("sip.bind", settings.sip_bind, error)) from error
        self.sip_listeners = endpoint.transports.listeners
        self._closers.append(endpoint.close)
        return endpoint

    def _warn(self, words: str) -> None:
        self._log(events.SIP_WARNING, detail=words)

    def _serve_http(self, operations: Operations, gate: Gate, sock: socket.socket) -> None:
        app = create_app(operations, ready=lambda: not gate.draining, body_bytes_max=self.settings.http_body_bytes_max)
        web = _Uvicorn(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False))
        self.http_address = sock.getsockname()[:2]
        serving = asyncio.get_running_loop().create_task(web.serve(sockets=[sock]), name="http")
        self._closers.append(partial(_stop_web, web, serving))

    async def _checkpoint(self) -> None:
        while True:
            await asyncio.sleep(_CHECKPOINT_EVERY_S)
            await self.store.checkpoint()

    async def _follow(self) -> None:
        """Put in force what `callgate accounts` has changed in the database."""
        while True:
            await asyncio.sleep(_FOLLOW_EVERY_S)
            try:
                changed = await self.store.follow()
            except StoreUnavailable as error:
                self._log(events.STORE_FAILED, detail=f"changes of accounts were not looked for: {error}")
                continue
            if changed:
                self._log(events.ACCOUNTS_CHANGED, accounts=len(changed))

    async def _keep_shadows(self, shadows: ShadowWatch) -> None:
        """Write down what has been seen of drafts, every few seconds and at the end."""
        ending = False
        while not ending:
            try:
                await asyncio.sleep(_KEEP_SHADOWS_EVERY_S)
            except asyncio.CancelledError:
                ending = True
            tallies = shadows.to_keep()
            if tallies:
                try:
                    await self.store.keep_shadow_tallies(self._process_id, tallies)
                    shadows.kept(tallies)
                except StoreUnavailable as error:
                    self._log(events.STORE_FAILED, detail=f"what shadows have seen was not kept: {error}")

    async def settled(self) -> None:
        """Wait until calls that are over have been written down."""
        await self.registry.ended(_LAST_WORDS_S)
        await self._call_tasks.finish()
        await self.store.written()

    def begin_draining(self) -> None:
        """Take no new calls."""
        if self._gate is not None:
            self._gate.draining = True
            self._log(events.NODE_DRAINING, calls=len(self.registry))

    async def drain(self, timeout_s: float) -> None:
        """Take no new calls, wait for those in progress, then end those that are left."""
        self.begin_draining()
        await self.registry.drain(timeout_s)
        if await self.registry.ended(_LAST_WORDS_S):
            await self._call_tasks.finish()  # the last records are on their way into the store

    async def close(self) -> None:
        """Let go of everything, in the opposite order of its making."""
        while self._closers:
            result = self._closers.pop()()
            if asyncio.iscoroutine(result):
                await result
        if self._gate is not None:  # a start that failed is told in one line, by whoever asked for it
            self._log(events.NODE_STOPPED)


async def _stop_web(web: uvicorn.Server, serving: "asyncio.Task[None]") -> None:
    web.should_exit = True
    web.force_exit = (
        True  # an API request in progress is over in milliseconds; a kept-alive connection may stay for ever
    )
    await serving


def _web_socket(address: tuple[str, int]) -> str:
    host, port = address
    return f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"


def _join_url(base: str, call_id: str) -> str:
    return f"{base.rstrip('/')}/calls/{call_id}/server_web_socket"


def _bind(name: str, host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket bound for TCP; `shared`: with others of this node.

    Raises:
        CannotStart: it could not be bound.
    """
    try:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(info[0], info[1])
    except OSError as error:
        raise CannotStart(_cannot_bind(name, f"{host}:{port}", error)) from error
    try:
        if shared:
            with socket.socket(info[0], info[1]) as probe:  # another node that shares the port would not be noticed
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(info[4])
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT if shared else socket.SO_REUSEADDR, 1)
        sock.bind(info[4])
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise CannotStart(_cannot_bind(name, f"{host}:{port}", error)) from error
    return sock


def _cannot_bind(setting: str, value: str, error: OSError) -> str:
    words = (error.strerror or str(error)).lower()
    return f"cannot listen on {value} ({setting}): {words}; expected a free port of this machine (port 0 picks one)"
