"""Dogs on demand: a trained generator as a page in the browser."""
