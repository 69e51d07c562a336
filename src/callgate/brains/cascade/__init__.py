"""A brain made of servers of one's own: one for turns, one for answers, one for speech, each behind a common API."""
