"""A class that shares one Redis: its server, its students, and what the teacher sees of them."""
