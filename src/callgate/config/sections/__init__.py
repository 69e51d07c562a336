"""Settings by topic; `config.settings` joins them."""
