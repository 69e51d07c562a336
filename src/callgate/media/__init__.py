"""MOVES SOUND: worker processes, ports, sessions, pacing."""
