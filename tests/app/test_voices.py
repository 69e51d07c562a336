from callgate.app.voices import offered_voices
from callgate.config.models import Model

OPENAI = Model(kind="openai-realtime", url="wss://a.example", api_key="k")
CASCADE = Model(kind="cascade", url="http://a/v1", speech_url="http://b/v1", speech_voice="af_heart")


def test_there_is_always_the_demo_agents_voice() -> None:
    (demo,) = offered_voices({"ultravox-v0.7": Model(kind="demo")})
    assert (demo.name, demo.models, demo.language, demo.billed) == ("demo", ("demo", "ultravox-v0.7"), "en-US", False)


def test_voices_are_those_of_the_profile_of_the_speech_server_or_of_the_file() -> None:
    voices = {voice.name: voice for voice in offered_voices({"fast": OPENAI, "own": CASCADE})}
    assert len(voices) == 12
    assert (voices["marin"].models, voices["marin"].provider, voices["marin"].billed) == (("fast",), "openai", True)
    assert (voices["af_heart"].models, voices["af_heart"].provider) == (("own",), "cascade")
    assert not voices["af_heart"].billed
    named = offered_voices({"x": Model(kind="openai-realtime", profile="xai", voices=("Ara", "Rex"))})
    assert [(voice.name, voice.provider) for voice in named] == [("Ara", "xai"), ("Rex", "xai"), ("demo", "demo")]
    assert len(offered_voices({"x": Model(kind="openai-realtime", profile="qwen")})) == 1
    assert len(offered_voices({"u": Model(kind="ultravox"), "w": Model(kind="websocket")})) == 1


def test_a_voice_of_two_models_is_one_and_keeps_its_id_everywhere() -> None:
    both = {voice.name: voice for voice in offered_voices({"fast": OPENAI, "slow": OPENAI})}
    alone = {voice.name: voice for voice in offered_voices({"other": OPENAI})}
    assert both["alloy"].models == ("fast", "slow")
    assert both["alloy"].voice_id == alone["alloy"].voice_id
    assert len({voice.voice_id for voice in both.values()}) == len(both)
