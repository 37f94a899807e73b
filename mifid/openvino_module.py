"""A translated graph, run by OpenVINO: on a CPU much faster than torch's eager mode.

OpenVINO (pip install openvino) is found and used where it is installed, and needed nowhere.
"""

from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor, nn

from mifid.errors import InputError

HINTS = {torch.float32: "f32", torch.bfloat16: "bf16"}


def installed() -> bool:
    """Return whether OpenVINO is there."""
    return find_spec("openvino") is not None


class OpenVINOModule(nn.Module):
    """A module compiled for the CPU, behind the face of a torch module.

    example: an input (N, H, W, C), N over 1; later ones may have any N. dtype: what products are
    computed in; inputs and results are float32. It runs on as many threads as torch would.
    """

    def __init__(self, module: nn.Module, example: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        try:
            import openvino as ov  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise InputError(
                "--backend openvino: it is not installed; pip install openvino, or leave it out"
            ) from error
        count = torch.export.Dim("n", min=1)
        program = torch.export.export(module, (example,), dynamic_shapes=({0: count},))
        settings = {
            "INFERENCE_PRECISION_HINT": HINTS[dtype],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        self.compiled = ov.Core().compile_model(ov.convert_model(program), "CPU", settings)

    def forward(self, pictures: Tensor) -> Tensor:
        """Run it; gradients do not pass."""
        # NumPy puts the values in order: torch's threads would go on spinning beside OpenVINO's,
        # which costs a sixth of the speed.
        return torch.from_numpy(self.compiled(np.ascontiguousarray(pictures.numpy()))[0])
