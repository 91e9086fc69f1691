"""A stand-in for Colab's module: the signatures and the failures of the real one, and nothing behind them.

Written after the public sources of googlecolab/colabtools. It has no `__init__.py` above it, as `google` has none.
"""
