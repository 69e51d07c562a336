"""Shipped helpers for tests: clock, handlers, networks."""
