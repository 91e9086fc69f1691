"""The site: every lesson, document and docstring as a page that loads nothing from elsewhere."""
