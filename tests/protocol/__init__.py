"""Tests of `broker.protocol`: each file mirrors a module; `drafts` and `bulletin_strategy` give documents to
all tests.
"""
