"""Harkara: a secure message broker between agencies. The package is `broker`; start at `broker.client.Agency`."""

__version__ = "0.1.0"
