"""Packets of sound and digits, their order, and whose they are (RFC 3550, RFC 4733)."""
