"""How large and how many the parts of requests to the HTTP API may be; how often they may come is a setting."""

from typing import Final

from callgate.entities.limit import Limit
from callgate.schema import api_key, page, sip_config, throttle, tool, webhook
from callgate.schema.json_text import DEPTH_MAX
from callgate.store.accounts import KEYS_MAX
from callgate.store.throttles import THROTTLES_MAX
from callgate.store.webhooks import WEBHOOKS_MAX
from callgate.web.api.stream_calls import BODY_BYTES_MAX as BOT_BODY_BYTES_MAX
from callgate.web.app import BODY_BYTES_MAX

_PUBLIC: Final = "The limit of the public service."

LIMITS: Final = (
    Limit("request body (`http.body_bytes_max`)", BODY_BYTES_MAX, "bytes", "413", "Rules at all limits have 300 kB."),
    Limit("request body of a bot's call control", BOT_BODY_BYTES_MAX, "bytes", "413", "A document has under 10 kB."),
    Limit("depth of JSON", DEPTH_MAX, "", "400", "Nobody writes so deep a body; readers recurse."),
    Limit("page of a list", page.PAGE_SIZE_MAX, "", "400", "Of the one public list that says so."),
    Limit("`allowedCidrRanges`", sip_config.RANGES_MAX, "", "400", "A trunk's list has tens; these compile in 5 ms."),
    Limit("`allowedAgents`", sip_config.ALLOWED_AGENTS_MAX, "", "400", _PUBLIC),
    Limit("pattern over the dialled user", sip_config.PATTERN_CHARACTERS_MAX, "characters", "400", _PUBLIC),
    Limit("API keys of an account", KEYS_MAX, "", "400", "All are in memory."),
    Limit("name of a key", api_key.NAME_CHARACTERS_MAX, "characters", "400", _PUBLIC),
    Limit("webhooks of an account", WEBHOOKS_MAX, "", "400", "Every event is compared with each."),
    Limit("URL of a webhook", webhook.URL_CHARACTERS_MAX, "characters", "400", _PUBLIC),
    Limit("secrets of a webhook", webhook.SECRETS_MAX, "", "400", "Each makes one more signature."),
    Limit("call throttles of an account", THROTTLES_MAX, "", "400", "Each remembers a hundred calls."),
    Limit("name of a throttle", throttle.NAME_CHARACTERS_MAX, "characters", "400", _PUBLIC),
    Limit("rules of a throttle", throttle.RULES_MAX, "", "400", "A second, a minute, an hour, a day …"),
    Limit("`maxCalls` of a rule", throttle.CALLS_MAX, "", "400", _PUBLIC),
    Limit("`windowSeconds` of a rule", throttle.WINDOW_S_MAX, "s", "400", _PUBLIC),
    Limit("definition of a tool", tool.DEFINITION_BYTES_MAX, "bytes", "400", "It is given to a model with every turn."),
    Limit("`selectedTools`", tool.SELECTED_MAX, "", "400", "More than models are able to choose from."),
)
