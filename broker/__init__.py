"""Harkara: a secure message broker between agencies. Start at `broker.client.Agency`."""

__version__ = "0.1.0"
