"""The machine of one call's life: events in, effects out."""
