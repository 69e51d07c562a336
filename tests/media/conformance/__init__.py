"""What any engine of sound must do, shown on the one there is."""
