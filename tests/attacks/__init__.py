"""Attacks as whole stories: what an insider, a thief or a liar would do, and what becomes of it."""
