"""What is written down for others is what the program does: examples, schemas, vectors."""
