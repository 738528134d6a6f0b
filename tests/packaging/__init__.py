"""What is shipped: the wheel's contents, the lock files, what the base install can do without the rest."""
