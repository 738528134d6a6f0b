"""Tests of the client: pure checks by hand-made items, and a real broker over a real store."""
