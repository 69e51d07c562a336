"""RUNS calls: load, decide, reserve, then live them to their end."""
