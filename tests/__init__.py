"""Tests mirror `broker/`; `journeys`, `faults`, `attacks` tell whole stories; the rest hold the house."""
