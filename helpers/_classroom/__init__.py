"""A class that shares one Redis: what its students report, and what their teacher sees."""
