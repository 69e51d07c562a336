"""DECIDES. Pure: values in, values out. No clock, socket, await, randomness, file, log or setting."""
