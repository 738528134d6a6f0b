"""The protocol, pure: bytes and decisions. No clock, randomness, sockets or logging; `now` and entropy are
arguments.

What each signature, key and encryption covers is written in `schemas/protocol.md`; the vectors beside it hold
it.
"""
