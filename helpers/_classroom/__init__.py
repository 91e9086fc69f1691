"""A class that shares one Redis: what its students report, and what their teacher sees."""

FOLDER = "class"
"""The folder of a class where none is named."""
