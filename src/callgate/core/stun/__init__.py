"""STUN: what a server on the other side of a NAT says of where we come from."""
