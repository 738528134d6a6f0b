"""Side by side with what a user would pick instead. Ratios of one run count; absolute numbers depend on the machine."""
