"""All that was found in a data set, and the same as plain numbers for programs."""

from dataclasses import asdict, dataclass
from typing import Any

from local.data.competition import Collection
from local.explore import colours, duplicates, odd, statistics
from local.explore.colours import Colours
from local.explore.duplicates import Duplicates, Group
from local.explore.scan import Scan, Seen
from local.explore.statistics import Boxes, Breed, Sizes


@dataclass(frozen=True)
class Findings:
    """Of one data set; a part is None where the data has nothing to say about it."""

    seen: list[Seen]
    decoded: list[int]
    annotations_without_picture: int
    breeds: list[Breed]
    sizes: Sizes
    boxes: Boxes | None
    colours: Colours | None
    duplicates: Duplicates
    odd: dict[str, list[tuple[int, str]]]  # by kind: places in `seen`, and what is odd

    def name(self, place: int) -> str:
        """A picture's path below the data's root."""
        return self.seen[place].picture.name

    def breed_name(self, breed: str) -> str:
        """A breed's readable name."""
        return next((b.name for b in self.breeds if b.breed == breed), breed)

    def numbers(self) -> dict[str, Any]:
        """Everything as JSON takes it, pictures by their names."""
        return {
            "pictures": len(self.seen),
            "decoded": len(self.decoded),
            "breeds": [asdict(breed) for breed in self.breeds],
            "sizes": {"common": self.sizes.common(), **self.sizes.numbers()},
            "boxes": self.boxes
            and {
                "pictures": self.boxes.pictures,
                "boxes": len(self.boxes.width),
                "dogs in a picture": self.boxes.dogs,
                **self.boxes.numbers(),
            },
            "colours": self.colours
            and {
                "overall": colours.levels(self.colours.overall),
                "distance of a breed (levels)": dict(self.colours.different),
            },
            "duplicates": {
                "exact": self._groups(self.duplicates.exact),
                "near": self._groups(self.duplicates.near),
                "threshold": duplicates.ALIKE,
            },
            "annotations_without_picture": self.annotations_without_picture,
            "odd": {key: {self.name(i): what for i, what in row} for key, row in self.odd.items()},
        }

    def _groups(self, groups: list[Group]) -> list[dict[str, Any]]:
        return [
            {"pictures": [self.name(i) for i in g.pictures], "correlation": g.correlation}
            for g in groups
        ]


def analyse(collection: Collection, scan: Scan) -> Findings:
    """Takes everything from the one pass."""
    return Findings(
        seen=scan.seen,
        decoded=scan.decoded,
        annotations_without_picture=collection.annotations_without_picture,
        breeds=statistics.breeds(collection),
        sizes=statistics.sizes(scan.seen),
        boxes=statistics.boxes(scan.seen),
        colours=colours.colours(scan),
        duplicates=duplicates.duplicates(scan),
        odd=odd.find(scan.seen),
    )
