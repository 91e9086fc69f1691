"""Widgets that show what the tutorials talk about: a chat with its list, all sessions, all instances.

Each is live where there is a kernel, sorts, filters and shows what it has read where there is none, and is a picture in
plain HTML where no script may run. They stand on anywidget, with ipywidgets 7.7.1, which Colab has, or 8.
"""

import lazy_loader

from helpers.errors import require

require("widgets", "ipywidgets", "jinja2")

# Loaded when first used: the instance picker loads Google's client libraries.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
