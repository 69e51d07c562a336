"""Every seam between the parts that act, as a Protocol; no code.

The row of six (calls, signaling, media, brains, webhooks, store) never import each other: what one needs of another is
named here, and `app` joins them. What a brain sees of its call, inside a media worker, is in `ports.brain`.
"""

from callgate.core.audio.format import SoundFormat as SoundFormat
from callgate.core.sdp.path import SoundPath as SoundPath
from callgate.ports.calls import LiveCalls as LiveCalls
from callgate.ports.calls import NoRoom as NoRoom
from callgate.ports.calls import RequestedCalls as RequestedCalls
from callgate.ports.configuration import ShadowTallies as ShadowTallies
from callgate.ports.configuration import Snapshot as Snapshot
from callgate.ports.configuration import WebhooksInForce as WebhooksInForce
from callgate.ports.handler import DecisionHook as DecisionHook
from callgate.ports.handler import Handlers as Handlers
from callgate.ports.handler import Question as Question
from callgate.ports.handler import Rejection as Rejection
from callgate.ports.handler import StartCall as StartCall
from callgate.ports.media import ClientSession as ClientSession
from callgate.ports.media import Media as Media
from callgate.ports.media import MediaSession as MediaSession
from callgate.ports.media import SessionListener as SessionListener
from callgate.ports.signaling import Callee as Callee
from callgate.ports.signaling import CannotDial as CannotDial
from callgate.ports.signaling import Considered as Considered
from callgate.ports.signaling import DialledLeg as DialledLeg
from callgate.ports.signaling import Dialler as Dialler
from callgate.ports.signaling import DialListener as DialListener
from callgate.ports.signaling import DialogListener as DialogListener
from callgate.ports.signaling import IncomingCalls as IncomingCalls
from callgate.ports.signaling import Leg as Leg
from callgate.ports.signaling import LegListener as LegListener
from callgate.ports.signaling import ReferAnswer as ReferAnswer
from callgate.ports.signaling import ReofferAnswer as ReofferAnswer
from callgate.ports.signaling import SipLeg as SipLeg
from callgate.ports.signaling import Strangers as Strangers
from callgate.ports.store import CallStore as CallStore
from callgate.ports.store import DeliveryStore as DeliveryStore
from callgate.ports.store import SipLogStore as SipLogStore
from callgate.ports.time import Alarm as Alarm
from callgate.ports.time import Alarms as Alarms
from callgate.ports.time import Clock as Clock
from callgate.ports.time import Ids as Ids
