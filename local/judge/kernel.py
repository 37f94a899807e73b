"""What a judge does for a kernel's run: it learns at the start, and chooses in the end.

Any error in either costs its choices, never the run.
"""

import json
import sys
import time
from pathlib import Path

from local.data.prepared import Dogs, prepare
from local.data.shards import Pictures
from local.errors import reason
from local.judge.learning import learn
from local.judge.network import SIZE
from local.judge.plan import Plan, plan
from local.judge.scoring import JudgeError, KernelJudge
from local.judge.selection import by_discriminator
from local.recipes import Recipe
from local.safe import SafeSubmission
from local.train.devices import Device
from local.train.trainer import Trainer
from submission import archive

FEWEST_EPOCHS = 5  # of lessons, below which its ranks are not to be trusted (docs/judge.md)
# A judge, and the sets (N, 3, P, P) uint8 of which the run's pictures may be copies.
Assessed = tuple[KernelJudge, list[Pictures]]


def hire(
    recipe: Recipe, dogs: Dogs, data: Path, preparing: float, device: Device, seconds: float
) -> Assessed | None:
    """A judge for this run; None, and a line that says why, where there can be none.

    Args:
        recipe: of the run.
        dogs: what it learns from.
        data: where they are from.
        preparing: seconds that it took to prepare them.
        device: on which the judge learns and judges.
        seconds: for all of it.
    """
    until = time.monotonic() + seconds
    squashed = recipe.crop == "squash" and recipe.prepared_size == SIZE  # as the metric has them
    try:
        if not squashed and preparing > seconds:
            raise JudgeError(
                f"{seconds:.1f} s are too few; preparing whole pictures alone takes {preparing:.1f}"
            )
        whole = dogs if squashed else prepare(data, SIZE, "squash")
        judge = learn(whole, device, until - time.monotonic(), recipe.seed)
        if (epochs := judge.facts["epochs"]) < FEWEST_EPOCHS:
            raise JudgeError(f"{epochs} epochs of lessons are too few; {FEWEST_EPOCHS} are needed")
    except Exception as error:
        print(f"kernel: no judge of its own: {reason(error)}", file=sys.stderr, flush=True)
        return None
    print(f"judge {json.dumps(judge.facts)}", flush=True)
    return judge, [dogs.pictures] if squashed else [dogs.pictures, whole.pictures]


def choose(
    trainer: Trainer, submission: SafeSubmission, training: list[Pictures], seconds: float
) -> Plan | None:
    """The best draws of the generator that the judge liked best; None where an error came.

    Args:
        trainer: whose average becomes that generator.
        submission: with its judge, and something in place.
        training: pictures (N, 3, P, P) uint8, as for `plan`.
        seconds: for it.
    """
    assert submission.judge
    recipe, device = trainer.recipe, trainer.device.device
    by_logit = recipe.selection == "discriminator"
    try:
        trainer.average.load_state_dict(submission.weights)
        return plan(
            submission.judge,
            trainer.average,
            recipe,
            trainer.classes,
            archive.COUNT,
            training,
            seconds,
            by_discriminator(trainer.partner, device) if by_logit else None,
        )
    except Exception as error:
        print(f"kernel: the judge chose nothing: {reason(error)}", file=sys.stderr, flush=True)
        return None
