"""Requests within a dialog for which there is nothing to be done, and what they are told."""

from callgate.core.sip.message import Request, Response, respond


def answer_other(request: Request, allow: str) -> Response:
    """The refusal of a method that is not served.

    A SUBSCRIBE, NOTIFY, MESSAGE or PUBLISH is a method that is not offered: 405. (489 would have to name event packages
    that are, RFC 6665 section 8.2.2, The "Allow-Events" Header Field.) A REFER comes here when its call is over.

    Args:
        request: of the peer.
        allow: the methods that are served.
    """
    if request.method == "REFER":
        return respond(request, 481)
    return respond(request, 405, headers=(("Allow", allow),))
