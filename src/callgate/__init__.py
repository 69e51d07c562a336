"""Callgate: the self-hosted front door for phone calls to AI voice agents."""

__version__ = "0.1.0"
