"""HTTP, only over operations."""
