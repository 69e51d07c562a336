"""How much of something may happen in a time."""
