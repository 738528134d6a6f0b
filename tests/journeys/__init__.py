"""Whole stories over real processes, as agencies and operators live them."""
