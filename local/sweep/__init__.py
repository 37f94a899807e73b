"""Tuning: trials of a recipe with other settings, by Optuna, and a page of what helped."""
