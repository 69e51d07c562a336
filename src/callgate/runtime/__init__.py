"""Machinery that the parts which act share: clock, ids, tasks, HTTP client with the address guard, resolver, logging."""
