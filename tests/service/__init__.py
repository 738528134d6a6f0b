"""Tests of the stories: `broker.service` over a real store and a whole exchange."""
