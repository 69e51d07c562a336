"""Client transactions: requests of ours, repeated until the peer answers or is given up."""

from collections.abc import Mapping
from typing import ClassVar, Final

from callgate.core.sip.transaction import Effect, Input, Move, State, Table, Transaction

_S, _I, _E = State, Input, Effect

INVITE_CLIENT: Final[Table] = {
    (_S.CALLING, _I.REQUEST): Move(_S.CALLING, (_E.SEND, _E.START_REPEAT, _E.START_GIVE_UP)),
    (_S.CALLING, _I.REPEAT_DUE): Move(_S.CALLING, (_E.REPEAT,)),
    (_S.CALLING, _I.GIVE_UP): Move(_S.TERMINATED, (_E.REPORT_TIMEOUT,)),
    (_S.CALLING, _I.TRANSPORT_FAILED): Move(_S.TERMINATED, (_E.REPORT_FAILURE,)),
    (_S.CALLING, _I.PROVISIONAL): Move(_S.PROCEEDING, (_E.STOP_REPEAT, _E.STOP_GIVE_UP, _E.PASS)),
    (_S.CALLING, _I.SUCCESS): Move(_S.ACCEPTED, (_E.PASS, _E.LINGER_ANYWAY)),
    (_S.CALLING, _I.FAILURE): Move(_S.COMPLETED, (_E.ACKNOWLEDGE, _E.PASS, _E.LINGER)),
    (_S.PROCEEDING, _I.PROVISIONAL): Move(_S.PROCEEDING, (_E.PASS,)),
    (_S.PROCEEDING, _I.SUCCESS): Move(_S.ACCEPTED, (_E.PASS, _E.LINGER_ANYWAY)),
    (_S.PROCEEDING, _I.FAILURE): Move(_S.COMPLETED, (_E.ACKNOWLEDGE, _E.PASS, _E.LINGER)),
    (_S.PROCEEDING, _I.TRANSPORT_FAILED): Move(_S.TERMINATED, (_E.REPORT_FAILURE,)),
    (_S.ACCEPTED, _I.SUCCESS): Move(_S.ACCEPTED, (_E.PASS,)),  # a repeated 2xx: the dialog repeats its ACK
    (_S.ACCEPTED, _I.LINGERED): Move(_S.TERMINATED),
    (_S.COMPLETED, _I.FAILURE): Move(_S.COMPLETED, (_E.ACKNOWLEDGE,)),
    (_S.COMPLETED, _I.LINGERED): Move(_S.TERMINATED),
    (_S.COMPLETED, _I.TRANSPORT_FAILED): Move(_S.TERMINATED, (_E.REPORT_FAILURE,)),
}
INVITE_CLIENT_ABSORBED: Final[Mapping[tuple[State, Input], str]] = {
    (_S.ACCEPTED, _I.PROVISIONAL): "overtaken by the answer",
    (_S.ACCEPTED, _I.FAILURE): "the first final response counts",
    (_S.ACCEPTED, _I.TRANSPORT_FAILED): "the dialog finds out by itself",
    (_S.COMPLETED, _I.PROVISIONAL): "overtaken by the refusal",
    (_S.COMPLETED, _I.SUCCESS): "the first final response counts",
    **{(_S.TERMINATED, input): "it came as we let go" for input in _I},
}

NON_INVITE_CLIENT: Final[Table] = {
    (_S.TRYING, _I.REQUEST): Move(_S.TRYING, (_E.SEND, _E.START_REPEAT, _E.START_GIVE_UP)),
    (_S.TRYING, _I.REPEAT_DUE): Move(_S.TRYING, (_E.REPEAT,)),
    (_S.TRYING, _I.GIVE_UP): Move(_S.TERMINATED, (_E.REPORT_TIMEOUT,)),
    (_S.TRYING, _I.TRANSPORT_FAILED): Move(_S.TERMINATED, (_E.REPORT_FAILURE,)),
    (_S.TRYING, _I.PROVISIONAL): Move(_S.PROCEEDING, (_E.SLOW_REPEAT, _E.PASS)),
    (_S.TRYING, _I.SUCCESS): Move(_S.COMPLETED, (_E.PASS, _E.LINGER_SHORT)),
    (_S.TRYING, _I.FAILURE): Move(_S.COMPLETED, (_E.PASS, _E.LINGER_SHORT)),
    (_S.PROCEEDING, _I.REPEAT_DUE): Move(_S.PROCEEDING, (_E.REPEAT,)),
    (_S.PROCEEDING, _I.GIVE_UP): Move(_S.TERMINATED, (_E.REPORT_TIMEOUT,)),
    (_S.PROCEEDING, _I.TRANSPORT_FAILED): Move(_S.TERMINATED, (_E.REPORT_FAILURE,)),
    (_S.PROCEEDING, _I.PROVISIONAL): Move(_S.PROCEEDING, (_E.PASS,)),
    (_S.PROCEEDING, _I.SUCCESS): Move(_S.COMPLETED, (_E.PASS, _E.LINGER_SHORT)),
    (_S.PROCEEDING, _I.FAILURE): Move(_S.COMPLETED, (_E.PASS, _E.LINGER_SHORT)),
    (_S.COMPLETED, _I.LINGERED): Move(_S.TERMINATED),
}
NON_INVITE_CLIENT_ABSORBED: Final[Mapping[tuple[State, Input], str]] = {
    **{
        (_S.COMPLETED, input): "a copy of what has been passed up"
        for input in (_I.PROVISIONAL, _I.SUCCESS, _I.FAILURE, _I.TRANSPORT_FAILED)
    },
    **{(_S.TERMINATED, input): "it came as we let go" for input in _I},
}


class InviteClientTransaction(Transaction):
    """RFC 3261 section 17.1.1 (INVITE Client Transaction) with RFC 6026 section 7.2 (Client Transaction Impacts)."""

    __slots__ = ()
    first: ClassVar[State] = State.CALLING
    transitions: ClassVar[Table] = INVITE_CLIENT
    absorbed: ClassVar[Mapping[tuple[State, Input], str]] = INVITE_CLIENT_ABSORBED
    waits_t2_at_most: ClassVar[bool] = False  # timer A doubles until timer B ends it, section 17.1.1.2


class NonInviteClientTransaction(Transaction):
    """RFC 3261 section 17.1.2 (Non-INVITE Client Transaction)."""

    __slots__ = ()
    first: ClassVar[State] = State.TRYING
    transitions: ClassVar[Table] = NON_INVITE_CLIENT
    absorbed: ClassVar[Mapping[tuple[State, Input], str]] = NON_INVITE_CLIENT_ABSORBED
