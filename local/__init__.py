"""The local development package: what the kernel carries, and the commands around it."""
