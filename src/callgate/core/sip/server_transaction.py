"""Server transactions: requests that came to us, their copies absorbed, their final responses repeated."""

from collections.abc import Mapping
from typing import ClassVar, Final

from callgate.core.sip.transaction import Effect, Input, Move, State, Table, Transaction

_S, _I, _E = State, Input, Effect

INVITE_SERVER: Final[Table] = {
    (_S.PROCEEDING, _I.REQUEST): Move(_S.PROCEEDING, (_E.REPEAT,)),
    (_S.PROCEEDING, _I.PROVISIONAL): Move(_S.PROCEEDING, (_E.SEND,)),
    (_S.PROCEEDING, _I.SUCCESS): Move(_S.ACCEPTED, (_E.SEND, _E.LINGER_ANYWAY)),
    (_S.PROCEEDING, _I.FAILURE): Move(_S.COMPLETED, (_E.SEND, _E.START_REPEAT, _E.START_GIVE_UP)),
    (_S.PROCEEDING, _I.TRANSPORT_FAILED): Move(_S.TERMINATED, (_E.REPORT_FAILURE,)),
    (_S.ACCEPTED, _I.SUCCESS): Move(_S.ACCEPTED, (_E.SEND,)),  # the dialog repeats its 2xx through us
    (_S.ACCEPTED, _I.LINGERED): Move(_S.TERMINATED),
    (_S.COMPLETED, _I.REQUEST): Move(_S.COMPLETED, (_E.REPEAT,)),
    (_S.COMPLETED, _I.REPEAT_DUE): Move(_S.COMPLETED, (_E.REPEAT,)),
    (_S.COMPLETED, _I.ACK): Move(_S.CONFIRMED, (_E.LINGER_SHORT,)),
    (_S.COMPLETED, _I.GIVE_UP): Move(_S.TERMINATED, (_E.REPORT_TIMEOUT,)),
    (_S.COMPLETED, _I.TRANSPORT_FAILED): Move(_S.TERMINATED, (_E.REPORT_FAILURE,)),
    (_S.CONFIRMED, _I.LINGERED): Move(_S.TERMINATED),
}
INVITE_SERVER_ABSORBED: Final[Mapping[tuple[State, Input], str]] = {
    (_S.PROCEEDING, _I.ACK): "an ACK before any final response belongs to nothing",
    (_S.ACCEPTED, _I.REQUEST): "RFC 6026 section 7.1: the dialog repeats the 2xx, not a copy of the INVITE",
    (_S.ACCEPTED, _I.ACK): "the ACK of a 2xx is the dialog's; this one has the INVITE's branch and is passed on to it",
    (_S.ACCEPTED, _I.TRANSPORT_FAILED): "the dialog finds out by itself when no ACK comes",
    (_S.CONFIRMED, _I.REQUEST): "a late copy of the INVITE",
    (_S.CONFIRMED, _I.ACK): "a late copy of the ACK",
    (_S.CONFIRMED, _I.TRANSPORT_FAILED): "nothing is left to be sent",
    **{(_S.TERMINATED, input): "it came as we let go" for input in _I},
}

NON_INVITE_SERVER: Final[Table] = {
    (_S.TRYING, _I.PROVISIONAL): Move(_S.PROCEEDING, (_E.SEND,)),
    (_S.TRYING, _I.SUCCESS): Move(_S.COMPLETED, (_E.SEND, _E.LINGER)),
    (_S.TRYING, _I.FAILURE): Move(_S.COMPLETED, (_E.SEND, _E.LINGER)),
    (_S.TRYING, _I.TRANSPORT_FAILED): Move(_S.TERMINATED, (_E.REPORT_FAILURE,)),
    (_S.PROCEEDING, _I.REQUEST): Move(_S.PROCEEDING, (_E.REPEAT,)),
    (_S.PROCEEDING, _I.PROVISIONAL): Move(_S.PROCEEDING, (_E.SEND,)),
    (_S.PROCEEDING, _I.SUCCESS): Move(_S.COMPLETED, (_E.SEND, _E.LINGER)),
    (_S.PROCEEDING, _I.FAILURE): Move(_S.COMPLETED, (_E.SEND, _E.LINGER)),
    (_S.PROCEEDING, _I.TRANSPORT_FAILED): Move(_S.TERMINATED, (_E.REPORT_FAILURE,)),
    (_S.COMPLETED, _I.REQUEST): Move(_S.COMPLETED, (_E.REPEAT,)),
    (_S.COMPLETED, _I.LINGERED): Move(_S.TERMINATED),
    (_S.COMPLETED, _I.TRANSPORT_FAILED): Move(_S.TERMINATED, (_E.REPORT_FAILURE,)),
}
NON_INVITE_SERVER_ABSORBED: Final[Mapping[tuple[State, Input], str]] = {
    (_S.TRYING, _I.REQUEST): "the answer is on its way",
    **{
        (_S.COMPLETED, input): "RFC 3261 section 17.2.2: other final responses are discarded"
        for input in (_I.PROVISIONAL, _I.SUCCESS, _I.FAILURE)
    },
    **{(_S.TERMINATED, input): "it came as we let go" for input in _I},
}


class InviteServerTransaction(Transaction):
    """RFC 3261 section 17.2.1 (INVITE Server Transaction) with RFC 6026 section 7.1 (Server Transaction Impacts)."""

    __slots__ = ()
    first: ClassVar[State] = State.PROCEEDING
    transitions: ClassVar[Table] = INVITE_SERVER
    absorbed: ClassVar[Mapping[tuple[State, Input], str]] = INVITE_SERVER_ABSORBED


class NonInviteServerTransaction(Transaction):
    """RFC 3261 section 17.2.2 (Non-INVITE Server Transaction)."""

    __slots__ = ()
    first: ClassVar[State] = State.TRYING
    transitions: ClassVar[Table] = NON_INVITE_SERVER
    absorbed: ClassVar[Mapping[tuple[State, Input], str]] = NON_INVITE_SERVER_ABSORBED
