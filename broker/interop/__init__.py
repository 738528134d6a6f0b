"""Other languages of the field, to and from bulletins: CAP 1.2 (`cap`, `cap_export`) and STIX 2.1 (`stix`,
`stix_export`).

One table for each language says what becomes of each of its fields; it drives the code, the page in `docs/`
and the tests. Nothing here reads a clock, a file or the network.
"""
