"""TALKS SIP: sockets, the endpoint, legs."""
