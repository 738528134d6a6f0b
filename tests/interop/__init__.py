"""CAP and STIX to and from bulletins."""
