"""CONNECTS: one file per brain; runs inside a media worker."""
