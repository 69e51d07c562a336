"""Samples: G.711, levels, tones."""
