"""The folder of `telephone_bots`, which only an interpreter with Pipecat can import."""

SPEECH_HZ = 700
