"""Chat history in Redis and Google Cloud Memorystore: the plumbing behind the tutorials.

What is public stands in ``__init__.pyi`` beside this file, and is loaded when it is first used, so that
``import helpers`` costs next to nothing. Folders whose names begin with an underscore are private.
"""

import importlib
import sys
import warnings

import lazy_loader

# Google's libraries say when they load that they will drop a Python one day. In a notebook of a reader that is noise.
warnings.filterwarnings("ignore", "You are using a Python version .* which Google will stop supporting", FutureWarning)

if sys.platform == "emscripten":
    importlib.import_module("helpers._in_page.start").start()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
