"""A search engine whose results a test decides."""

from tests.helpers.scripted_engine import engine

__all__ = ["engine"]  # a fixture
