"""Settings: declared once, loaded from flags, environment and a file, checked, and documented from the same table."""
