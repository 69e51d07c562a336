import gc

from callgate.core.audio.format import PCM_16K, PCMU_8K
from callgate.media.session import Session
from tests.media.conformance.engine import Place

SPEECH = [b"\x20" * 160] * 5


def test_a_session_that_is_over_goes_without_the_collector() -> None:
    # A full collection is rare: what waits for one was 20 kB a call.
    gc.collect()
    gc.disable()
    try:
        place = Place(PCM_16K, PCMU_8K).begin()
        place.bridge.play(b"\x10" * 1_600)
        place.bridge.mark("said")
        place.talk(SPEECH)
        place.run_frames(20)
        assert place.brain.marks == ["said"]
        assert any(isinstance(one, Session) for one in gc.get_objects())
        place.close()
        del place
        assert not any(isinstance(one, Session) for one in gc.get_objects())
    finally:
        gc.enable()
