"""What makes `schemas/vectors/`: run `python -m tests.vectors`, or `make vectors`."""
