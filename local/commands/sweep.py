"""`python -m local sweep`: tunes a recipe's settings by short trials, and says what helped."""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from optuna import Study

from local import recipes
from local.commands.arguments import (
    DEVICE_HELP,
    add_data,
    add_graph,
    add_recipe,
    count,
    output_folder,
    parser,
    positive,
    seed,
)
from local.data.default import data_path
from local.data.prepared import prepare_for
from local.errors import InputError
from local.progress import say
from local.project import CACHE
from local.recipes import ranges
from local.recipes.text import check_no_horizon, parse, readable
from local.sweep import storage, workers
from local.sweep.findings import find
from local.sweep.judge import FEWEST, MARK_IMAGES, Judge
from local.sweep.plan import Plan
from local.sweep.report import Report
from local.sweep.start import start
from local.sweep.trial import scratch
from local.train import devices
from local.train.clock import Budget
from local.train.cluster import refuse
from local.train.devices import Device
from local.train.interrupt import Interrupt
from mifid.network import open_network

EXAMPLES = """\
  python -m local sweep --data generative-dog-images.zip --recipe dcgan --trials 30 --minutes 10
  python -m local sweep --trials 20 --steps 2000 --over g_lr=1e-5..1e-3 --over batch=32,64,128
  python -m local sweep --recipe ralsgan --trials 40 --minutes 5 --over d_lr --workers 2 size=32
  python -m local sweep --trials 50 --minutes 5 --storage postgresql://me@host/sweeps
The same --out again goes on where the sweep stopped; two at once share its trials.
Without --over the ranges stated for the recipe are swept (local/recipes/ranges.py)."""


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    refuse("sweep", "start the same command on each machine, with one --storage")
    options = _parse(words)
    plan = _plan(options)
    chosen = _devices(options.device, plan.budget)
    dogs = prepare_for(plan.recipe, plan.data, CACHE)
    say(f"data: {dogs.counts}")
    network = open_network(plan.graph, device=chosen[0].device.type)
    output_folder(plan.folder)
    storage.connect(plan.storage)  # before the work: it may not be usable
    judge = Judge(network, plan.test, plan.images)
    say(f"scores: {len(judge.reals.labels):,} real pictures, network {network.name}")
    study = storage.claim(plan, plan.identity(dogs, network, judge.reals.pictures))
    del dogs
    with storage.told(plan.storage):
        return _sweep(options, plan, study, judge, chosen)


def _sweep(
    options: argparse.Namespace, plan: Plan, study: Study, judge: Judge, chosen: list[Device]
) -> int:
    """Runs the trials and tells what they say; returns the exit code."""
    say(f"{storage.finished(study)} of {plan.trials} trials -> {plan.folder}")
    for name, space in plan.spaces.items():
        say(f"  {name}: {space}")
    with Interrupt() as interrupted:
        if options.workers == 1:
            watchers = (workers.Ticks(sys.stderr),)
            workers.work(plan, study, judge, chosen[0], interrupted, watchers)
            well = True
        else:
            well = workers.work_together(plan, chosen, options.workers, interrupted)
    _tidy(study, plan)
    told = _report(options, plan, study, judge)
    if interrupted():
        say("stopped; the same command goes on from there")
        return 130
    if not told:
        say("no trial has a score; the lines above say why")
    return 0 if told and (well or storage.finished(study) >= plan.trials) else 1


def _plan(options: argparse.Namespace) -> Plan:
    """What the options ask for."""
    check_no_horizon(options.settings)
    preset = recipes.get(options.recipe)
    fixed = dict(map(parse, options.settings))
    spaces = ranges.chosen(preset, fixed, options.over)
    recipe = start(replace(preset, quick_images=MARK_IMAGES), fixed, spaces)
    folder = options.out or Path("runs") / f"sweep-{options.recipe}"
    if options.images < FEWEST:
        raise InputError(f"--images {options.images}: too few to score; take {FEWEST} or more")
    data = data_path(options.data)
    seconds = options.minutes * 60 if options.minutes else None
    return Plan(
        recipe=recipe,
        spaces=spaces,
        budget=Budget(seconds=seconds, steps=options.steps),
        most=options.trials,
        images=options.images,
        seed=options.seed,
        data=data,
        test=options.test or data,
        graph=options.graph,
        folder=folder,
        storage=options.storage or f"sqlite:///{folder.resolve() / 'sweep.db'}",
        # A data base of one's own may hold many sweeps, each by its folder's name.
        study=folder.resolve().name if options.storage else "sweep",
    )


def _devices(wanted: str, budget: Budget) -> list[Device]:
    """Those that workers take in turn."""
    found = devices.choose_all() if wanted == "auto" else [devices.choose(wanted)]
    return [device.for_budget(budget) for device in found]


def _report(options: argparse.Namespace, plan: Plan, study: Study, judge: Judge) -> bool:
    """Writes the page and prints the best; False where there is none."""
    found = find(study, plan.recipe, plan.spaces)
    if found.best is None:
        return False
    report = Report(plan, found, options.settings, judge, options.data)
    page = report.write()
    if options.json:
        print(json.dumps(report.numbers(), allow_nan=False))
        return True
    best = found.best
    judged = f"{plan.images:,} pictures, network {judge.network.name}"
    print(
        f"trial {best.number} is the best of {storage.finished(study)}: KID {best.score:.4g}"
        f" (deviation {best.deviation:.2g}, {judged})"
    )
    for effect in found.effects:
        print(f"  {effect.setting:16}{readable(effect.best):>12}  recipe: {readable(effect.own)}")
    print(report.command)
    print(page)
    return True


def _tidy(study: Study, plan: Plan) -> None:
    """Removes what killed trials have left."""
    for trial in study.get_trials(deepcopy=False):
        if trial.state.is_finished():
            shutil.rmtree(scratch(plan.folder, trial.number), ignore_errors=True)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    command = parser("sweep", "Tunes a recipe's settings, and says what helped.", EXAMPLES)
    add_data(command)
    add_recipe(command)
    command.add_argument(
        "--trials",
        type=count,
        metavar="N",
        required=True,
        help="of the whole sweep, resumed or not",
    )
    command.add_argument("--minutes", type=positive, metavar="M", help="of training, a trial")
    command.add_argument("--steps", type=count, metavar="S", help="of training, a trial")
    command.add_argument(
        "--over",
        action="append",
        default=[],
        metavar="SETTING",
        help="setting=low..high, setting=a,b,c, or a setting alone for its stated range; may be"
        " given several times (default: all stated ranges)",
    )
    command.add_argument("--out", type=Path, metavar="DIR", help="folder (runs/sweep-RECIPE)")
    command.add_argument(
        "--storage", metavar="URL", help="data base of the trials (an SQLite file in DIR)"
    )
    command.add_argument(
        "--workers", type=count, default=1, metavar="K", help="processes beside each other (1)"
    )
    command.add_argument(
        "--images", type=count, default=1000, metavar="N", help="pictures of a final score (1000)"
    )
    command.add_argument(
        "--test", type=Path, metavar="PATH", help="real pictures to score against (--data)"
    )
    add_graph(command)
    command.add_argument("--seed", type=seed, default=0, help="of the settings drawn (0)")
    command.add_argument("--device", default="auto", help=DEVICE_HELP)
    command.add_argument("--json", action="store_true", help="print sweep.json")
    command.add_argument("settings", nargs="*", metavar="key=value", help="settings that are fixed")
    options = command.parse_intermixed_args(words)
    if not (options.minutes or options.steps):
        command.error("say how long a trial is: --minutes or --steps")
    return options
