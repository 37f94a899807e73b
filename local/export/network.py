"""A generator as ONNX, and the proof that it draws the same pictures."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from local import nets
from local.app.sampler import Sampler
from local.errors import InputError
from local.sampling import draw
from mifid.errors import WorkError

FILE = "generator.onnx"
TOLERANCE = 1e-3  # of a value in -1..1; an eighth of a level
CHECKED = (1, 7)  # pictures at once, neither of which the network was traced with
NEEDED = ("onnx", "onnxscript", "onnxruntime")


def check_packages() -> None:
    """Refuses to begin where a package is missing.

    Raises:
        InputError: one is; the line says which.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(f"{FILE} needs {', '.join(missing)}; pip install {' '.join(missing)}")


def write(dogs: Sampler, file: Path) -> float:
    """Writes a generator on the CPU as ONNX, and compares.

    Its inputs are `latents` (N, Z) float32 and, of a recipe that knows breeds, `labels` (N,) int64;
    its output is `pictures` (N, 3, S, S) float32 in -1..1, for any N.

    Returns:
        How far its pictures are from the generator's, at most, of values in -1..1.

    Raises:
        WorkError: by more than TOLERANCE.
    """
    draws = draw(dogs.recipe, dogs.classes, 2, seed=0)
    inputs = dict(zip(_names(dogs), draws.on(dogs.device), strict=False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own making
        program = torch.onnx.export(
            _plain(dogs),
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=["pictures"],
            dynamic_shapes=tuple({0: "count"} for _ in inputs),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # as it is without a file
    for node in program.model.graph:
        node.metadata_props.clear()  # they name files of this machine
    program.model.producer_name, program.model.graph.name = "", dogs.recipe.name
    program.save(file, external_data=False)
    return _compared(dogs, file)


def _names(dogs: Sampler) -> tuple[str, ...]:
    return ("latents", "labels") if dogs.recipe.by_breed else ("latents",)


def _plain(dogs: Sampler) -> nn.Module:
    """A copy whose weights are as spectral norm leaves them, computed once."""
    # Built anew: a deep copy shares its parametrized classes with the original, and loses them too.
    copy = nets.generator(dogs.recipe, len(dogs.classes)).eval()
    copy.load_state_dict(dogs.generator.state_dict())
    for module in copy.modules():
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
    return copy


def _compared(dogs: Sampler, file: Path) -> float:
    import onnxruntime  # type: ignore[import-untyped]  # noqa: PLC0415  (see check_packages)

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    apart = []
    for count in CHECKED:
        inputs = draw(dogs.recipe, dogs.classes, count, seed=count).on(dogs.device)
        fed = zip(_names(dogs), map(Tensor.numpy, inputs), strict=False)
        (pictures,) = session.run(None, dict(fed))
        with torch.inference_mode():
            expected = dogs.generator(*inputs).numpy()
        apart.append(np.abs(pictures - expected).max())
    most = float(np.max(apart))
    if not most <= TOLERANCE:  # a NaN is no agreement
        raise WorkError(f"{FILE}: draws other pictures than the run's weights ({most:.2g} apart)")
    return most
