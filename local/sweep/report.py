"""The page of a sweep, its plots and its numbers."""

import json
import shlex
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from local.atomic import replacing
from local.page import NONE, Cell, Section, document, figure, paragraph, plot, table
from local.plots import light_and_dark
from local.recipes.text import readable, written
from local.sweep import figures
from local.sweep.findings import ENOUGH, SURE_ERRORS, SURE_TRIALS, Effect, Findings, Row
from local.sweep.judge import SUBSETS, Judge
from local.sweep.plan import Plan
from local.sweep.trial import picture

PAGE = "index.html"
NUMBERS = "sweep.json"


class Report:
    """Writes a sweep's page.

    Args:
        plan: of the sweep.
        found: its findings, with one scored trial or more.
        fixed: settings given beside the recipe, as `key=value`.
        judge: of its trials.
        data: what the user calls the data; None for the drawn dogs.
    """

    def __init__(
        self, plan: Plan, found: Findings, fixed: Sequence[str], judge: Judge, data: Path | None
    ) -> None:
        self.plan, self.found, self.fixed = plan, found, fixed
        self.judge, self.data = judge, data
        self.network = judge.network.name

    @property
    def best(self) -> Row:
        """The best trial."""
        assert self.found.best is not None
        return self.found.best

    @property
    def command(self) -> str:
        """Trains the best settings, without a trial's budget."""
        settings = [f"{name}={written(value)}" for name, value in self.best.settings.items()]
        data = ["--data", str(self.data)] if self.data else []
        words = ["python", "-m", "local", "train", *data, "--recipe", self.plan.recipe.name]
        return shlex.join([*words, *self.fixed, *settings])

    def numbers(self) -> dict[str, Any]:
        """All figures of the page, as JSON."""
        states = sorted({row.state for row in self.found.rows})
        return {
            "recipe": self.plan.recipe.name,
            "network": self.network,
            "images": self.plan.images,
            "best": {
                "trial": self.best.number,
                "kid": self.best.score,
                "deviation": self.best.deviation,
                "settings": self.best.settings,
            },
            "own": self.found.own and self.found.own.score,
            "command": self.command,
            "trials": {state: self.found.count(state) for state in states},
            "ranges": {name: str(space) for name, space in self.plan.spaces.items()},
            **{k: v for k, v in self.found.numbers().items() if k in ("rows", "effects")},
        }

    def write(self) -> Path:
        """Writes everything into the sweep's folder, the page last."""
        with replacing(self.plan.folder / NUMBERS) as partial:
            partial.write_text(json.dumps(self.numbers(), allow_nan=False) + "\n")
        sections = [
            Section("best", "The best settings", self._best()),
            Section("history", "Trial by trial", self._history()),
            Section("effects", "What helped, and by how much", self._effects()),
            Section("slices", "The score over each setting", self._slices()),
            Section("trials", "All trials", [self._table()]),
            Section("scores", "What a score is", self._method()),
        ]
        title = f"Sweep of {self.plan.recipe.name}"
        page = document(
            title, f"{self.data or 'drawn dogs'}; {self._budget()}.", self._cards(), sections
        )
        path = self.plan.folder / PAGE
        with replacing(path) as partial:
            partial.write_text(page, encoding="utf-8")
        return path

    def _budget(self) -> str:
        budget = self.plan.budget
        limits = [f"{budget.seconds / 60:g} minutes"] if budget.seconds else []
        limits += [f"{budget.steps:,} steps"] if budget.steps else []
        return f"{' or '.join(limits)} a trial"

    def _cards(self) -> dict[str, str]:
        own = self.found.own
        return {
            "best KID": _score(self.best),
            "as the recipe is": _score(own) if own else NONE,
            "trials with a score": f"{self.found.count('scored'):,}",
            "stopped early": f"{self.found.count('stopped'):,}",
            "network": self.network,
        }

    def _best(self) -> list[str]:
        rows = [(e.setting, _value(e.best), _value(e.own)) for e in self.found.effects]
        own = self.found.own
        against = f", against {_score(own)} of the recipe as it is" if own else ""
        blocks = [
            paragraph(
                f"Trial {self.best.number}: KID {_score(self.best)}{against}. The best of "
                f"{self.found.count('scored')} has had some luck too. To train with its settings:"
            ),
            f'<div class="scroll" tabindex="0"><pre>{escape(self.command)}</pre></div>',
            table("Its settings", ("Setting", "Best trial", "Recipe"), rows),
        ]
        return blocks + self._pictures()

    def _pictures(self) -> list[str]:
        shown = {"best trial": self.best}
        if self.found.own and self.found.own is not self.best:
            shown["recipe as it is"] = self.found.own
        return [
            figure(file.read_bytes(), None, f"Pictures of the {name}", caption)
            for name, row in shown.items()
            if (file := picture(self.plan.folder, row.number)).is_file()
            for caption in [f"Trial {row.number}, the {name}: KID {_score(row)}."]
        ]

    def _history(self) -> list[str]:
        found = self.found
        return [
            self._plot(
                "history",
                lambda f: figures.history(f, found),
                3.4,
                "Points: the score of each trial; a line: the best so far",
                f"The best of {found.count('scored')} scores is {_score(self.best)}. Crosses: "
                "trials stopped early, at their last mark.",
            ),
            self._plot(
                "curves",
                lambda f: figures.curves(f, found),
                3.4,
                "Lines: the marks of each trial along its budget",
                "How trials got there; the best is the thick line, stopped ones are dotted.",
            ),
        ]

    def _effects(self) -> list[str]:
        effects, scored = self.found.effects, self.found.count("scored")
        blocks = [paragraph(self._caution(scored))]
        if any(effect.importance is not None for effect in effects):
            drawn = self._plot(
                "importance",
                lambda f: figures.importances(f, effects),
                0.8 + 0.35 * len(effects),
                "Bars: the importance of each setting",
                "How far the best trials agree on a setting where the others do not (PED-ANOVA).",
            )
            blocks.append(drawn)
        head = ("Setting", "Importance", "Lowest mean", "Highest mean", "Difference", "Trials", "")
        rows = [_effect_cells(effect) for effect in effects]
        groups = [cells for effect in effects for cells in _group_cells(effect)]
        parts = ("Setting", "Values", "Mean KID", "Error", "Trials", "Stopped")
        return [
            *blocks,
            table("Between the best and the worst third or choice", head, rows),
            table("Thirds and choices", parts, groups),
        ]

    def _caution(self, scored: int) -> str:
        few = (
            f"{scored} scores are too few for importances, and the figures below are weak: run on "
            f"with more --trials ({ENOUGH} scores at the least, several for each setting). "
            if scored < ENOUGH
            else ""
        )
        return (
            f"{few}A difference is called clear where both sides have {SURE_TRIALS} scores or more "
            f"and it is over {SURE_ERRORS:g} times its standard error; all others may be chance. "
            "Settings are drawn together, so that one may stand in for another, and those that "
            "look good are drawn more often. Training itself depends on its seed: before you "
            "believe a small difference, train both with other seeds."
        )

    def _slices(self) -> list[str]:
        found, spaces = self.found, self.plan.spaces
        return [
            self._plot(
                "slices",
                lambda f: figures.slices(f, found, spaces),
                figures.slices_height(len(spaces)),
                "Scores over each setting",
                "A point a trial; the star is the best one, crosses were stopped early.",
            )
        ]

    def _table(self) -> str:
        names = list(self.plan.spaces)
        rows: list[Sequence[Cell]] = [
            (
                f"{row.number}",
                row.state,
                f"{row.score:.4g}" if row.score is not None else NONE,
                f"{row.deviation:.2g}" if row.deviation is not None else NONE,
                *(_value(row.settings.get(name)) for name in names),
                f"{row.seconds:.0f}" if row.seconds is not None else NONE,
                row.why,
            )
            for row in sorted(self.found.rows, key=_rank)
        ]
        head = ("Trial", "State", "KID", "Deviation", *names, "Seconds", "Why not")
        return table("Trials, the best first", head, rows)

    def _method(self) -> list[str]:
        images = self.plan.images
        comparable = (
            ""
            if self.network == "published"
            else f" The network is the {self.network} one: no leaderboard's scores compare."
        )
        return [
            paragraph(
                f"The score is the kernel inception distance of {images:,} pictures (mean of "
                f"{SUBSETS} subsets of {self.judge.subset:,} a side; lower is better). Its "
                "deviation is that of one subset; the score's own is about a third of it "
                f"(docs/sweep.md). Marks have {self.plan.recipe.quick_images:,} pictures. Unlike "
                "FID it has no bias for few pictures, and a perfect generator scores "
                f"0.{comparable}"
            ),
            paragraph(
                f"With {self._budget()}: settings that win in so short a time need not win in a "
                "long one."
            ),
        ]

    def _plot(
        self, name: str, draw: Callable[[Figure], None], height: float, alt: str, caption: str
    ) -> str:
        light, dark = light_and_dark(draw, figures.WIDTH, height)
        with replacing(self.plan.folder / f"{name}.png") as partial:
            partial.write_bytes(light)
        return plot(light, dark, alt, caption)


def _effect_cells(effect: Effect) -> tuple[str, ...]:
    share, by = effect.importance, effect.difference
    groups = {group.name: group for group in effect.groups}
    behind = (
        f"{groups[effect.good].trials} and {groups[effect.bad].trials}" if effect.good else NONE
    )
    error = f" ± {effect.error:.2g}" if effect.error is not None else ""
    return (
        effect.setting,
        NONE if share is None else f"{share:.0%}",
        effect.good or NONE,
        effect.bad or NONE,
        NONE if by is None else f"{by:.3g}{error}",
        behind,
        "clear" if effect.clear else "may be chance",
    )


def _group_cells(effect: Effect) -> list[tuple[str, ...]]:
    return [
        (
            effect.setting,
            group.name,
            NONE if group.mean is None else f"{group.mean:.4g}",
            NONE if group.error is None else f"{group.error:.2g}",
            f"{group.trials}",
            f"{group.stopped}",
        )
        for group in effect.groups
    ]


def _score(row: Row) -> str:
    return f"{row.score:.4g}"


def _rank(row: Row) -> tuple[float, int]:
    return (float("inf") if row.score is None else row.score, row.number)


def _value(value: Any) -> str:
    return NONE if value is None else readable(value)
