"""Side by side with what a user would pick instead: the ratios of one run count, not the numbers."""
