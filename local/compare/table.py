"""The table: Markdown for people, JSON and CSV for programs."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local.compare.row import Row

# Fields of a row in the table's order: heading, and format of a number.
COLUMNS = {
    "recipe": ("recipe", ""),
    "g_parameters": ("G, parameters", ","),
    "d_parameters": ("D, parameters", ","),
    "images_per_second": ("img/s", ",.1f"),
    "kimg": ("kimg", ",.1f"),
    "seconds": ("seconds", ",.0f"),
    "loss": ("loss", ".4f"),
    "loss_g": ("loss G", ".3f"),
    "loss_d": ("loss D", ".3f"),
    "accuracy_real": ("right on real", ".0%"),
    "accuracy_fake": ("right on fake", ".0%"),
    "diversity": ("diversity", ".2f"),
    "fid": ("FID", ".4g"),
    "kid": ("KID", ".3g"),
    "mifid": ("MiFID", ".4g"),
    "distance": ("distance", ".3f"),
    "variety": ("variety", ".2f"),
    "label": ("label", ""),
}


@dataclass(frozen=True)
class Table:
    """The rows, and what they have in common.

    data: path of the training pictures, which are the real ones too.
    budget: of each recipe, for people.
    device: that trained, for people.
    images, real_images: pictures of either side that were compared.
    network, graph: as in `mifid.network.Network`.
    remarks: what is to be minded, a sentence or two each.
    """

    data: str
    budget: str
    seed: int
    device: str
    images: int
    real_images: int
    network: str
    graph: str
    rows: Sequence[Row]
    remarks: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """All but the pictures, for JSON."""
        return asdict(self) | {"rows": [row.as_dict() for row in self.rows]}

    @property
    def caption(self) -> str:
        """What was done, in two sentences."""
        data = Path(self.data).resolve().name
        return (
            f"{len(self.rows)} recipes, {self.budget} each on {data}, seed {self.seed},"
            f" {self.device}. Scores: {self.images:,} generated pictures of each against"
            f" {self.real_images:,} real ones, network {self.network} {self.graph[:12]}."
        )

    def markdown(self) -> str:
        """Caption, table and remarks; columns that no row fills are left out."""
        shown = [name for name in COLUMNS if any(_cell(row, name) for row in self.rows)]
        lines = [[COLUMNS[name][0] for name in shown]]
        lines.append(["---" if COLUMNS[name][1] == "" else "---:" for name in shown])
        lines += [[_cell(row, name) for name in shown] for row in self.rows]
        grid = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        remarks = "\n".join(f"- {remark}" for remark in self.remarks)
        return f"{self.caption}\n\n{grid}\n" + (f"\n{remarks}\n" if remarks else "")

    def csv(self) -> str:
        """The rows; what a recipe has not is empty."""
        file = io.StringIO()
        writer = csv.DictWriter(file, [*COLUMNS, "error"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row.as_dict() for row in self.rows)
        return file.getvalue()

    def json(self) -> str:
        """One object."""
        return json.dumps(self.as_dict(), allow_nan=False)


def _cell(row: Row, name: str) -> str:
    """A cell of the Markdown table; a row without scores says why where their label would be."""
    value = getattr(row, name)
    if name == "label" and row.error:
        value = f"failed: {row.error}"
    if value is None:
        return ""
    return format(value, COLUMNS[name][1]).replace("|", "\\|")
