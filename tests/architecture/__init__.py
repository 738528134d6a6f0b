"""The rules of the house, held by tests: who imports whom, what is pure, what never enters the repository."""
