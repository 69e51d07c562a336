"""The public HTTP API: one file per noun."""
