"""The lessons as slides: a teacher's view of each, one file that loads nothing from elsewhere."""
