"""SIP as values: messages, transactions and dialogs without any I/O (RFC 3261, RFC 6026)."""
