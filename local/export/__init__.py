"""A run's generator as a folder that others run, without the kit."""
