"""Names of log events and metrics; redaction. Names only."""
