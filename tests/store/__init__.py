"""Tests of the store, on real servers that they start themselves."""
