"""Everything an operator may ask, by noun."""

from collections.abc import Callable, Sequence

from callgate.brains.tools.client import ToolClient
from callgate.core.admission.policy import PolicySet
from callgate.entities.account import Account, AccountLimits
from callgate.entities.sip_config import SipConfig
from callgate.entities.voice import Voice
from callgate.media.recording_folder import RecordingFolder
from callgate.operations.accounts import AccountOperations
from callgate.operations.agents import AgentOperations
from callgate.operations.api_keys import ApiKeyOperations
from callgate.operations.caller import Caller
from callgate.operations.calls import CallOperations
from callgate.operations.decisions import DecisionOperations
from callgate.operations.deleted_calls import DeletedCallOperations
from callgate.operations.errors import Forbidden, Unknown
from callgate.operations.fallback import FallbackOperations
from callgate.operations.rates import AccountRates
from callgate.operations.replay import ReplayOperations
from callgate.operations.replay_jobs import ReplayJobs
from callgate.operations.shadow import ShadowOperations
from callgate.operations.sip_config import SipConfigOperations
from callgate.operations.sip_logs import SipLogOperations
from callgate.operations.stages import StageOperations
from callgate.operations.stream_calls import StreamCallOperations
from callgate.operations.suggestions import SuggestionOperations
from callgate.operations.throttles import ThrottleOperations
from callgate.operations.tools import ToolOperations
from callgate.operations.voices import VoiceOperations
from callgate.operations.webhooks import WebhookOperations
from callgate.ports import Clock, DecisionHook, Handlers, Ids, LiveCalls, RequestedCalls, ShadowTallies
from callgate.runtime.tasks import TaskOwner
from callgate.schema.start_call import CheckUrl
from callgate.store.open import Store


class Operations:
    """The verbs, by noun.

    Args:
        store: what is kept.
        clock: time.
        ids: names and secrets.
        live: the calls in progress.
        requested: makes calls that begin through the API.
        domain_of: an account's SIP domain.
        drafted: the rules of all accounts, with one account's replaced by a draft.
        check_url: why a URL that an account sets is refused, in words.
        hook: asks the fallback handler for an evaluation; ``None``: it cannot be asked.
        handlers: how fallback handlers fare; ``None``: this process asks none.
        recordings: what was recorded; ``None``: nothing is.
        tasks: who owns what runs in the background.
        tool_client: asks tools that are tried; guarded.
        limits_of: the limits in force of an account.
        calls_max: calls that the node takes at a time.
        models: names that calls may ask for as their `model`, in order.
        voices: likewise as their `voice`.
        shadows: what this process has seen of drafts beside the rules; ``None``: it sees no calls.
        sip_logs: whether the SIP of calls is kept.
        process_id: names this process among those that write what they have seen.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        ids: Ids,
        live: LiveCalls,
        requested: RequestedCalls,
        domain_of: Callable[[Account], str],
        drafted: Callable[[Account, SipConfig], PolicySet],
        check_url: CheckUrl,
        hook: DecisionHook | None = None,
        handlers: Handlers | None = None,
        recordings: RecordingFolder | None = None,
        tasks: TaskOwner,
        tool_client: ToolClient,
        models: Sequence[str] = ("demo",),
        voices: Sequence[Voice] = (),
        limits_of: Callable[[Account], AccountLimits],
        calls_max: int,
        shadows: ShadowTallies | None = None,
        sip_logs: bool = False,
        process_id: str = "",
    ) -> None:
        self.models = tuple(models)
        self.voices = VoiceOperations(voices)
        self._store = store
        self._clock = clock
        self.sip_config = SipConfigOperations(store, ids, domain_of, check_url)
        self._limits_of = limits_of
        self._rates = AccountRates(clock)
        self.accounts = AccountOperations(live, limits_of, calls_max)
        self.api_keys = ApiKeyOperations(store, clock)
        self.agents = AgentOperations(store, check_url)
        self.throttles = ThrottleOperations(store)
        self.calls = CallOperations(
            store,
            live,
            requested,
            check_url,
            self.throttles,
            lambda account: self._rates.called(account, limits_of(account)),
            recordings,
        )
        self.deleted_calls = DeletedCallOperations(store)
        self.sip_logs = SipLogOperations(store, clock, live, kept=sip_logs)
        self.stages = StageOperations(store)
        self.tools = ToolOperations(store, check_url, tool_client)
        self.webhooks = WebhookOperations(store, ids, check_url)
        self.stream_calls = StreamCallOperations(store, live, tasks)
        self.decisions = DecisionOperations(store, ids, self.sip_config, domain_of, drafted, hook)
        self.fallback = FallbackOperations(store, ids, self.sip_config, domain_of, handlers)
        jobs = ReplayJobs(clock, ids, tasks)
        self.replay = ReplayOperations(store, self.sip_config, drafted, jobs)
        self.suggestions = SuggestionOperations(store, self.sip_config, drafted, jobs)
        self.shadow = ShadowOperations(store, clock, ids, self.sip_config, shadows, process_id)

    def caller(self, key: str, *, changes: bool) -> Caller:
        """Who speaks with an API key.

        Args:
            key: as it came.
            changes: whether something is to be changed.

        Raises:
            Unknown: nobody, or not any more.
            Full: the key or its account asks too often.
            Forbidden: the key may only look.
        """
        found = self._store.account_of_key(key)
        if found is None:
            raise Unknown("the API key is not known")
        account, kept = found
        spent = kept.spent(self._clock.now())
        if spent is not None:
            raise Unknown(f"the API key {kept.prefix} {spent}")
        self._rates.requested(account, kept, self._limits_of(account))
        self._store.key_used(kept)
        if changes and kept.read_only:
            raise Forbidden(f"the API key {kept.prefix} may only read; expected GET")
        return Caller(account, kept.prefix, kept.read_only)
