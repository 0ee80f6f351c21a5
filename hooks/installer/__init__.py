"""What hooks/install is made of."""
