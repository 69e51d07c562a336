"""What the agent hears over networks that lose, delay, reorder and repeat."""

import heapq

import numpy as np
import pytest

from callgate.core.audio.format import PCM_8K
from callgate.core.audio.g711 import SAMPLES_PER_S
from callgate.core.audio.tones import tone
from callgate.testing.network import Impairment, Network
from tests.media.conformance.conftest import MakePlace
from tests.media.conformance.engine import FRAME_S, Place

PACKETS = 1_500  # half a minute
TONE_HZ = 400  # whole periods in a frame: a frame made up of the last period is like the one that was lost

NETWORKS = {
    "loss of 1 %": Impairment(loss=0.01),
    "loss of 5 %": Impairment(loss=0.05),
    "loss of 5 % in bursts of three": Impairment(loss=0.05, burst=3),
    "loss of 20 %": Impairment(loss=0.2),
    "jitter of 15 ms": Impairment(jitter_s=0.015),
    "jitter of 60 ms": Impairment(jitter_s=0.06),
    "5 % reordered": Impairment(reordered=0.05),
    "5 % repeated": Impairment(duplicated=0.05),
    "all of it": Impairment(loss=0.05, jitter_s=0.03, reordered=0.02, duplicated=0.02),
}


def talk_over(call: Place, network: Network) -> None:
    """Have the caller say half a minute of a tone, over a network."""
    pcm = tone(TONE_HZ, 20, 0.3)
    payload = np.frombuffer(pcm, "<i2").astype(">i2").tobytes()
    begun_s = call.loop.now_s
    on_their_way = [
        (arrives_s, number) for number in range(PACKETS) for arrives_s in network.arrivals(begun_s + FRAME_S * number)
    ]
    heapq.heapify(on_their_way)
    while on_their_way:
        arrives_s, number = heapq.heappop(on_their_way)
        call.run(arrives_s - call.loop.now_s)
        call.peer.send(payload, 96, sequence=number, timestamp=160 * number)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_heard_over_a_bad_network(place: MakePlace, name: str) -> None:
    impairment = NETWORKS[name]
    call = place(PCM_8K, PCM_8K, codec="L16", payload_type=96).begin()
    network = Network(impairment, seed=20_261)
    talk_over(call, network)
    quality = call.quality
    # The brain's clock is true: as many frames as time has passed, but for what waits and what came early.
    passed = (call.loop.now_s - 1_000.0) / FRAME_S
    assert len(call.brain.frames) == pytest.approx(passed, abs=5)
    # What is counted is what happened.
    given_up = quality.packets_lost - quality.packets_late
    assert given_up == pytest.approx(network.lost, abs=3)
    assert quality.packets_duplicate == pytest.approx(network.repeated, abs=3 + 0.1 * network.repeated)
    if impairment.jitter_s <= 0.02 and not impairment.loss:
        assert quality.packets_lost == 0
        assert quality.concealed_ms == 0
    # What is made up is not more than what is missing, and a little for what came too late.
    late_share = 0.15 if impairment.jitter_s > 0.02 else 0.001
    assert quality.concealed_ms <= 20 * (network.lost + late_share * PACKETS + 3)
    assert quality.mos is not None
    assert quality.mos > (4.0 if network.lost < 0.02 * PACKETS and impairment.jitter_s < 0.02 else 1.0)
    assert tone_share(call) > 1 - 2.5 * network.lost / PACKETS - 3 * late_share


def tone_share(call: Place) -> float:
    """Share of the frames that are this tone, at nearly its strength."""
    sound = np.frombuffer(b"".join(call.brain.frames), "<i2").astype(np.float64)
    frames = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    at = 2 * np.pi * TONE_HZ / SAMPLES_PER_S * np.arange(160)
    amplitudes = np.hypot(frames @ np.sin(at), frames @ np.cos(at)) / 80
    return float(np.mean(amplitudes > 0.8 * 32_767 * 0.3))
