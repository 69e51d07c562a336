"""The nouns that are exchanged and stored: frozen dataclasses without behaviour of their own."""
