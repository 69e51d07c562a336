"""Which calls come in, and why: one pure function and its trace."""
