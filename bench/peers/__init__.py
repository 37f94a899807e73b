"""The other tools, a script each, run by the interpreter of their own environment (`make peers`).

Each does what its tool's documentation says, as near to the published algorithm as its documented
options come, and with its own defaults in everything else.
"""

# Files of the weights' folder. The first two are where torch.hub looks within its folder, under the
# names that pytorch-fid and torch-fidelity fetch; the last is clean-fid's.
PYTORCH_FID = "checkpoints/pt_inception-2015-12-05-6726825d.pth"
TORCH_FIDELITY = "checkpoints/weights-inception-2015-12-05-6726825d.pth"
CLEAN_FID = "inception-2015-12-05.pt"
