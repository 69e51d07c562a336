"""What brains speak, one dialect a file: messages to bytes and back."""
