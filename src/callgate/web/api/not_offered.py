"""What the public service has and Callgate has not: 404 that says so, instead of a page that is merely not there."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, HTTPException

from callgate.web.request import Asker

router = APIRouter(prefix="/api", include_in_schema=False)

_EVERY_METHOD: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_BILLING: Final = "billing is not offered: nothing is billed"
_USAGE: Final = "figures of use are not offered; lists of calls tell their `total`"
_TELEPHONY: Final = "configurations of telephony providers are not offered: their calls come in over SIP"
_CORPORA: Final = "corpora are not offered"
_BATCHES: Final = "scheduled batches of calls are not offered"
_CLONING: Final = "voices cannot be made or changed here: they are those of the models that are configured"
_PREVIEW: Final = "previews of voices are not offered"
_REGISTRATIONS: Final = "registrations at SIP servers are not offered yet"

# Each with the methods it is about, and `{path:path}` for all that lies below.
_REFUSED: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "/accounts/me/billing": (_EVERY_METHOD, _BILLING),
    "/accounts/me/billing/{path:path}": (_EVERY_METHOD, _BILLING),
    "/accounts/me/usage/{path:path}": (_EVERY_METHOD, _USAGE),
    "/accounts/me/telephony_config": (_EVERY_METHOD, _TELEPHONY),
    "/accounts/me/tts_api_keys": (_EVERY_METHOD, "keys of voice providers are the configuration's, not the account's"),
    "/agents/usage": (("GET",), _USAGE),
    "/agents/{agent_id}/scheduled_batches": (_EVERY_METHOD, _BATCHES),
    "/agents/{agent_id}/scheduled_batches/{path:path}": (_EVERY_METHOD, _BATCHES),
    "/agents/{agent_id}/telephony_xml": (_EVERY_METHOD, _TELEPHONY),
    "/corpora": (_EVERY_METHOD, _CORPORA),
    "/corpora/{path:path}": (_EVERY_METHOD, _CORPORA),
    "/sip/registrations": (_EVERY_METHOD, _REGISTRATIONS),
    "/sip/registrations/{path:path}": (_EVERY_METHOD, _REGISTRATIONS),
    "/telephony_configs/{path:path}": (_EVERY_METHOD, _TELEPHONY),
    "/voice_preview": (_EVERY_METHOD, _PREVIEW),
    "/voices": (("POST",), _CLONING),
    "/voices/{voice_id}": (("PUT", "PATCH", "DELETE"), _CLONING),
    "/voices/{voice_id}/preview": (_EVERY_METHOD, _PREVIEW),
}

WORDS: Final = frozenset(words for _, words in _REFUSED.values())
"""What such a 404 may say."""


def _refusing(words: str) -> Callable[[Asker], None]:
    def refuse(asker: Asker) -> None:
        raise HTTPException(404, words)

    return refuse


for _path, (_methods, _words) in _REFUSED.items():
    router.add_api_route(_path, _refusing(_words), methods=list(_methods))
