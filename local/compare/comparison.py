"""Recipes trained one after another, each judged when its budget is spent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from local.compare import budgets, row, training
from local.compare.judge import Judge
from local.compare.row import Row
from local.data.prepared import Dogs, prepare_for
from local.errors import reason
from local.pictures import submitted
from local.progress import say
from local.project import CACHE
from local.recipes import Recipe
from local.runs import claim
from local.sampling import draw, sample
from local.train.clock import Budget
from local.train.devices import Device, out_of_memory
from local.trained import load

SHOWN = 10  # pictures of each recipe


@dataclass(frozen=True)
class Comparison:
    """What all recipes have in common.

    data: path of the training pictures.
    folder: that holds a run's folder for each recipe.
    """

    data: Path
    folder: Path
    budget: Budget
    device: Device

    def claim(self, recipes: Sequence[Recipe]) -> None:
        """Makes a run's folder for each recipe, or makes sure that the one there can go on.

        Raises:
            InputError: it cannot.
        """
        for recipe in recipes:
            run = self.folder / recipe.name
            claim(run, recipe, self._dogs(recipe))
            budgets.check(run, self.budget)

    def rows(self, recipes: Sequence[Recipe], judge: Judge) -> Iterator[Row]:
        """Trains and judges the recipes, whose folders are claimed; yields each one's row.

        What fails has a row that says so. KeyboardInterrupt ends it all.
        """
        for number, recipe in enumerate(recipes, 1):
            say(f"{recipe.name}, {number} of {len(recipes)}")
            yield self._row(recipe, judge)
            if self.device.device.type == "cuda":
                torch.cuda.empty_cache()  # what one recipe leaves in pieces, the next needs whole

    def _row(self, recipe: Recipe, judge: Judge) -> Row:
        try:
            run = self.folder / recipe.name
            training.spend(run, recipe, self._dogs(recipe), self.budget, self.device)
            return self._judged(run, recipe, judge)
        except Exception as error:  # whatever it is, the other recipes' hours go on
            why = explained(error)
        say(f"{recipe.name} failed: {why}")
        return Row(recipe.name, error=why)

    def _judged(self, run: Path, recipe: Recipe, judge: Judge) -> Row:
        trained = load(run, self.device)
        draws = draw(recipe, trained.classes, SHOWN, recipe.seed)
        scores = judge.scores(run, trained)
        return Row(
            recipe.name,
            **row.of_training(run, trained),
            **scores | {"warnings": tuple(scores["warnings"])},
            pictures=next(submitted(sample(trained.generator, draws, self.device.device))),
        )

    def _dogs(self, recipe: Recipe) -> Dogs:
        """The recipe's training set, which is kept on disk: in memory all of them are gigabytes."""
        return prepare_for(recipe, self.data, CACHE)


def explained(error: Exception) -> str:
    """Why a recipe failed, in one line."""
    if isinstance(error, MemoryError) or out_of_memory(error):
        return "memory is full; a smaller batch= needs less"
    return reason(error)
