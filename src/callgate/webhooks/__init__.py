"""ASKS the owner's fallback handler, and DELIVERS events."""
