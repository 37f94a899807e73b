"""A look at a data set: one pass over its pictures, what was found, and a page that shows it."""
