"""What a call starts from: context from SIP, mustache, context schemas."""
