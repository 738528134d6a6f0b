"""The outside over HTTP: who is it, what did they send, what do they get.

Decides nothing about bulletins. Each resource reads a request within limits, asks the service, and writes
the answer; whatever is wrong leaves as `application/problem+json`. Source: docs/, "The outside".
"""

from __future__ import annotations
