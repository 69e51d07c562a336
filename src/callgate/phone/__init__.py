"""The built-in caller: SIP and sound as a client."""
