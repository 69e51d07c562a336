"""Session descriptions and the choice of what to answer (RFC 8866, RFC 3264)."""
