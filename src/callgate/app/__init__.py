"""The composition roots: the control process and a media worker."""
