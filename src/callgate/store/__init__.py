"""KEEPS: configuration, agents, calls, decisions, the outbox."""
