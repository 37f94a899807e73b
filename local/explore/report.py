"""The page of a data set: every section with its figures, and their numbers beside them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image
from tqdm import tqdm

from local.atomic import replacing
from local.explore import figures, odd, sheets
from local.explore.colours import ENOUGH, MOST, levels
from local.explore.duplicates import ALIKE, Group, extra
from local.explore.findings import Findings
from local.explore.statistics import Numbers
from local.page import (
    Cell,
    Section,
    document,
    figure,
    folded,
    paragraph,
    plot,
    table,
)
from local.pictures import encoded, save_png
from local.plots import light_and_dark

PAGE = "index.html"
GROUPS_SHOWN = 12
GROUPS_LISTED = 50
ODD_SHOWN = 8
ODD_LISTED = 20


class Report:
    """Writes the pictures into a folder while it puts them on the page."""

    def __init__(self, findings: Findings, folder: Path, crop: str, seed: int):
        self.findings = findings
        self.folder = folder
        self.crop = crop
        self.seed = seed

    def write(self, data: str) -> Path:
        """Writes everything; the page last. `data` is what the user calls the data."""
        parts = {
            ("breeds", "Breeds"): self._breeds,
            ("sizes", "Sizes and aspects"): self._sizes,
            ("boxes", "Boxes"): self._boxes,
            ("colours", "Colours"): self._colours,
            ("mean", "Mean picture"): self._means,
            ("samples", "Samples before and after cropping"): self._samples,
            ("duplicates", "Duplicates"): self._duplicates,
            ("odd", "Odd files"): self._odd,
        }
        sections = [
            Section(key, title, blocks())
            for (key, title), blocks in tqdm(parts.items(), "page", disable=None, leave=False)
        ]
        lead = f"{data}. Colours, means and copies are told from pictures squashed to 64x64."
        page = document("What the data holds", lead, summary(self.findings), sections)
        path = self.folder / PAGE
        with replacing(path) as partial:
            partial.write_text(page, encoding="utf-8")
        return path

    def _breeds(self) -> list[str]:
        breeds = self.findings.breeds
        counts = [breed.pictures for breed in breeds]
        shown = min(len(breeds), figures.MOST_BREEDS)
        caption = f"Pictures a breed: from {min(counts):,} to {max(counts):,}."
        if shown < len(breeds):
            caption += f" The {shown} largest of {len(breeds):,}."
        rows = [(b.breed, b.name, b.pictures, 100 * b.pictures / sum(counts)) for b in breeds]
        numbers = table("Pictures a breed", ("Breed", "Name", "Pictures", "%"), rows)
        return [
            self._plot(
                "breeds",
                lambda f: figures.breeds(f, breeds),
                figures.breeds_height(breeds),
                f"Bars: pictures of each of {shown} breeds",
                caption,
            ),
            folded("The numbers", numbers),
        ]

    def _sizes(self) -> list[str]:
        found, dogs = self.findings.sizes, self.findings.boxes
        if not len(found.width):
            return [paragraph("No picture's header can be read.")]
        common = [(f"{w}x{h}", n, 100 * n / len(found.width)) for w, h, n in found.common()]
        blocks = [
            _quantiles("Sizes of the pictures", found.numbers()),
            table("The most common sizes", ("Size", "Pictures", "%"), common),
        ]
        if len(common) == 1:
            blocks.insert(0, paragraph(f"All pictures are {common[0][0]} pixels."))
        else:
            drawn = self._plot(
                "sizes",
                lambda f: figures.sizes(f, found),
                4.6,
                "Points: width and height of the pictures, coloured by how many have that size",
                "Each point is a size; brighter and larger where more pictures have it.",
            )
            blocks.insert(0, drawn)
        if len(common) > 1 or dogs:
            drawn = self._plot(
                "aspects",
                lambda f: figures.aspects(f, found, dogs),
                3.4,
                "Histograms of width over height, of pictures and of boxes",
                "Squashing to a square keeps only what stands at 1:1. Quantiles: in the tables of "
                "sizes and boxes.",
            )
            blocks.append(drawn)
        return blocks

    def _boxes(self) -> list[str]:
        found = self.findings.boxes
        if found is None:
            return [paragraph("No picture has an annotation with a box: nothing to show.")]
        dogs = [(f"{n}", pictures) for n, pictures in found.dogs.items()]
        middle = found.cover[len(found.cover) // 2, len(found.cover) // 2]
        return [
            paragraph(
                f"{len(found.width):,} boxes in {found.pictures:,} pictures of "
                f"{len(self.findings.seen):,}. Boxes are cut at the edges of their pictures first."
            ),
            self._plot(
                "boxes",
                lambda f: figures.boxes(f, found),
                3.4,
                "Histograms of the boxes' area and shorter side, and a map of where they lie",
                f"{middle:.0%} of the boxes cover the middle of their picture, "
                f"{found.cover[0, 0]:.0%} its upper left corner.",
            ),
            _quantiles("Boxes", found.numbers()),
            table("Dogs in a picture", ("Dogs", "Pictures"), dogs),
        ]

    def _colours(self) -> list[str]:
        found = self.findings.colours
        if found is None:
            return [paragraph("No picture decodes: nothing to show.")]
        blocks = [
            self._plot(
                "colours",
                lambda f: figures.colours(f, found),
                3.2,
                "Histograms of the levels of red, green and blue over all pictures",
                "Levels of all pictures at 64x64; every picture counts the same.",
            ),
            _levels("Levels of all pictures", {"all": levels(found.overall)}),
        ]
        if not found.different:
            few = f"No breeds to compare: it takes two, and {ENOUGH} pictures in one of them."
            return [*blocks, paragraph(few)]
        names = [self.findings.breed_name(breed) for breed, _ in found.different[:MOST]]
        breeds = [levels(found.breeds[breed]) for breed, _ in found.different[:MOST]]
        distances = [(self.findings.breed_name(b), b, d) for b, d in found.different]
        return [
            *blocks,
            self._plot(
                "different",
                lambda f: figures.different(f, found, names),
                0.5 + 1.4 * len(names),
                "Histograms of red, green and blue of the most different breeds",
                "The breeds whose levels are furthest from those of all pictures (grey), by the "
                "earth mover's distance: the levels by which pixels have to move.",
            ),
            _levels("Levels of these breeds", dict(zip(names, breeds, strict=True))),
            folded(
                "The distance of every breed",
                table("From all pictures", ("Name", "Breed", "Levels"), distances),
            ),
        ]

    def _means(self) -> list[str]:
        found, breeds = self.findings.colours, self.findings.breeds
        if found is None:
            return [paragraph("No picture decodes: nothing to show.")]
        centre = found.mean[24:40, 24:40].mean(axis=(0, 1))
        edge = found.mean[[0, -1]].mean(axis=(0, 1))
        blocks = [
            self._plot(
                "mean",
                lambda f: figures.mean_picture(f, found),
                4.0,
                "The mean of all pictures, and a map of their standard deviation",
                f"Red, green and blue are {_rgb(centre)} in the middle and {_rgb(edge)} at the "
                f"upper and lower edge; pictures differ by {found.spread.mean():.0f} levels.",
            )
        ]
        if len(found.means) > 1:
            blocks.append(
                self._plot(
                    "breed-means",
                    lambda f: figures.breed_means(f, found, breeds),
                    figures.breed_means_height(breeds),
                    "A mean picture of each breed",
                    "The mean picture of each breed, the largest breeds first.",
                )
            )
            means = [
                (self.findings.breed_name(b), *found.means[b].mean(axis=(0, 1)).tolist())
                for b in sorted(found.means)
            ]
            head = ("Breed", "Red", "Green", "Blue")
            blocks.append(folded("The numbers", table("Mean levels a breed", head, means)))
        return blocks

    def _samples(self) -> list[str]:
        chosen = sheets.choose(self.findings.decoded, self.seed)
        if not chosen:
            return [paragraph("No picture decodes: nothing to show.")]
        seen = [self.findings.seen[i] for i in chosen]
        rows = [
            (self.findings.name(i), f"{s.width}x{s.height}", len(s.boxes or []))
            for i, s in zip(chosen, seen, strict=True)
        ]
        return [
            self._sheet(
                "samples-before",
                sheets.whole(seen),
                f"{len(seen)} whole pictures with their boxes",
                f"{len(seen)} pictures drawn by lot (seed {self.seed}), whole, with their boxes.",
            ),
            self._sheet(
                "samples-after",
                sheets.crops(seen, self.crop),
                f"The same {len(seen)} pictures cropped to 64x64",
                f"The first crop of each with crop={self.crop}, in the same places; a cross where "
                "its boxes are all left out.",
                pixelated=True,
            ),
            folded("Their names", table("In rows", ("Picture", "Size", "Boxes"), rows)),
        ]

    def _duplicates(self) -> list[str]:
        found = self.findings.duplicates
        return [
            *self._groups("exact", "the same file", found.exact),
            *self._groups("near", "the same photograph in different files", found.near),
            paragraph(
                f"Near duplicates: 16x16 grey pictures that correlate by {ALIKE} or more. This "
                "sees through other sizes, compression, brightness and contrast, but not through "
                "mirroring, and through cropping by a few percent only. It is made for "
                "photographs: plain drawings such as digits look alike without being copies."
            ),
        ]

    def _groups(self, kind: str, words: str, groups: list[Group]) -> list[str]:
        if not groups:
            return [paragraph(f"No {kind} duplicates: no two pictures are {words}.")]
        seen = self.findings.seen
        pairs = [seen[i] for group in groups[:GROUPS_SHOWN] for i in group.pictures[:2]]
        breeds = [{seen[i].picture.breed for i in group.pictures} for group in groups]
        mixed = sum(len(names) > 1 for names in breeds)
        rows = [
            (", ".join(self.findings.name(i) for i in g.pictures), f"{g.correlation:.3f}")
            for g in groups[:GROUPS_LISTED]
        ]
        return [
            paragraph(
                f"Groups of {kind} duplicates ({words}): {len(groups):,}, with {extra(groups):,} "
                f"more pictures than groups. Groups with pictures of several breeds: {mixed:,}."
            ),
            self._sheet(
                f"duplicates-{kind}",
                sheets.whole(pairs, columns=8),
                f"Pairs of {kind} duplicates side by side",
                f"The first two pictures of the first {min(len(groups), GROUPS_SHOWN)} groups, in "
                "the order of the table.",
            ),
            folded(
                f"Their names ({min(len(groups), GROUPS_LISTED)} of {len(groups):,} groups)",
                table(f"Groups of {kind} duplicates", ("Pictures", "Correlation"), rows),
            ),
        ]

    def _odd(self) -> list[str]:
        found = self.findings.odd
        kinds = [kind for kind in odd.KINDS if kind.key in found]
        rows = [(kind.title, len(found[kind.key]), kind.meaning) for kind in kinds]
        without = self.findings.annotations_without_picture
        rows.append(("Annotation without a picture", without, "Not used."))
        blocks = [table("How many, and what becomes of them", ("Kind", "Files", "Then"), rows)]
        for kind in kinds:
            if found[kind.key]:
                blocks.append(self._odd_kind(kind, found[kind.key]))
        return blocks

    def _odd_kind(self, kind: odd.Kind, told: list[tuple[int, str]]) -> str:
        shown = [i for i, _ in told if not self.findings.seen[i].problem][:ODD_SHOWN]
        block = ""
        if shown:
            block = self._sheet(
                f"odd-{kind.key}",
                sheets.whole([self.findings.seen[i] for i in shown]),
                f"{kind.title}: the first {len(shown)}",
                "The first of them, with their boxes.",
            )
        names = [(self.findings.name(i), what) for i, what in told[:ODD_LISTED]]
        block += table(kind.title, ("Picture", "What"), names)
        if len(told) > ODD_LISTED:
            block += paragraph("All of them are in statistics.json.")
        return folded(f"{kind.title}: {len(told):,}", block)

    def _plot(
        self, name: str, draw: Callable[[Figure], None], height: float, alt: str, caption: str
    ) -> str:
        light, dark = light_and_dark(draw, figures.WIDTH, height)
        with replacing(self.folder / f"{name}.png") as partial:
            partial.write_bytes(light)
        return plot(light, dark, alt, caption)

    def _sheet(
        self, name: str, sheet: Image.Image, alt: str, caption: str, pixelated: bool = False
    ) -> str:
        """A sheet of photographs: a PNG in the folder, a fifth as large as JPEG on the page."""
        save_png(sheet, self.folder / f"{name}.png")
        return figure(encoded(sheet, "JPEG"), None, alt, caption, pixelated)


def summary(findings: Findings) -> dict[str, str]:
    """The figures that matter most, by what they count."""
    found, dogs = findings.duplicates, findings.boxes
    bare = sum(about.picture.annotation is None for about in findings.seen)
    return {
        "pictures": f"{len(findings.seen):,}",
        "not decoded": f"{len(findings.seen) - len(findings.decoded):,}",
        "breeds": f"{len(findings.breeds):,}",
        "boxes": f"{len(dogs.width):,}" if dogs else "none",
        "pictures without annotation": f"{bare:,}",
        "exact duplicates": f"{extra(found.exact):,}",
        "near duplicates": f"{extra(found.near):,}",
    }


def _quantiles(caption: str, numbers: dict[str, Numbers]) -> str:
    rows: list[Sequence[Cell]] = [(name, *values.values()) for name, values in numbers.items()]
    return table(caption, ("Measure", *next(iter(numbers.values()))), rows)


def _levels(caption: str, numbers: dict[str, dict[str, Numbers]]) -> str:
    rows: list[Sequence[Cell]] = []
    for name, channels in numbers.items():
        for channel, row in channels.items():
            ends = (100 * row["share at 0"], 100 * row["share at 255"])
            rows.append((name, channel, row["mean"], row["deviation"], *ends))
    head = ("Pictures", "Channel", "Mean", "Deviation", "% at 0", "% at 255")
    return table(caption, head, rows)


def _rgb(levels: Sequence[float]) -> str:
    return ", ".join(f"{level:.0f}" for level in levels)
