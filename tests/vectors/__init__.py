"""What makes `schemas/vectors/`: run `make vectors`."""
