"""The commands around the kernel, a file each: `python -m local NAME`."""
