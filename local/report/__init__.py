"""A run on one page: what it learned, how it got there, and what its pictures leave out."""
