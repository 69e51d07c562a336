"""How much sound a machine carries: callers and models in a process of their own, and the search for the limit."""
