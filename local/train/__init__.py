"""Training: clock, losses, augmentation, averaging, devices, snapshots and the loop."""
