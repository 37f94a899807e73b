"""Measurements, a command each: `python -m bench NAME`."""
