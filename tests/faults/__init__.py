"""Faults of the machine under a running broker: a full disk, a stopped store, a lost connection."""
