"""Pipecat bots in processes of their own; `wire`, `call`, `pacing`, `process` and `transport` run in the bot's."""
