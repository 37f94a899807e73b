"""Breeds of drawn dogs, as data: none is a real one.

Lengths are in chest radii of a middling dog unless said otherwise.
"""

from dataclasses import dataclass

from local.data.drawing.coats import (
    Mark,
    all_over,
    belly,
    bib,
    blaze,
    brindle,
    cheeks,
    collar,
    ears,
    eye_patch,
    front,
    mask,
    merle,
    patches,
    points,
    saddle,
    socks,
    spots,
    tip,
)

Colour = tuple[int, int, int]  # red, green, blue, 0..255
Shape = tuple[tuple[float, ...], ...]  # joints, each a place and a radius

# Ears in the head's frame, in skull radii; the other ear is the mirror image.
PRICKED: Shape = ((-0.25, 0.6, 0.55, 0.42), (-0.2, 1.15, 0.7, 0.27), (-0.15, 1.65, 0.78, 0.06))
BAT: Shape = ((-0.2, 0.6, 0.58, 0.44), (-0.2, 1.15, 0.8, 0.36), (-0.15, 1.7, 0.95, 0.12))
BUTTON: Shape = ((-0.25, 0.72, 0.6, 0.34), (-0.05, 1.0, 0.85, 0.27), (0.3, 0.55, 1.0, 0.12))
FLOPPY: Shape = ((-0.3, 0.62, 0.72, 0.3), (-0.3, 0.15, 1.08, 0.4), (-0.2, -0.5, 1.1, 0.28))
LONG: Shape = ((-0.3, 0.5, 0.78, 0.3), (-0.3, -0.3, 1.12, 0.4), (-0.2, -1.15, 1.1, 0.38))
ROSE: Shape = ((-0.3, 0.66, 0.66, 0.32), (-0.7, 0.72, 0.95, 0.25), (-1.0, 0.4, 1.12, 0.12))

# Tails in the body's plane, in chest radii from the root: (x, y, radius).
CURL: Shape = (
    (0, 0, 0.26),
    (-0.32, 0.5, 0.3),
    (-0.05, 1, 0.3),
    (0.42, 0.95, 0.24),
    (0.5, 0.6, 0.16),
)
PLUME: Shape = ((0, 0, 0.2), (-0.7, 0.05, 0.3), (-1.3, 0.4, 0.34), (-1.7, 1, 0.12))
STUB: Shape = ((0, 0, 0.22), (-0.35, 0.25, 0.15))
WHIP: Shape = ((0, 0, 0.17), (-0.5, -0.5, 0.12), (-0.9, -1.1, 0.1), (-1.5, -1.2, 0.06))
SABRE: Shape = ((0, 0, 0.2), (-0.5, 0.45, 0.17), (-0.8, 1.1, 0.15), (-0.75, 1.7, 0.08))
BRUSH: Shape = ((0, 0, 0.22), (-0.55, -0.35, 0.3), (-0.9, -1, 0.32), (-1.3, -1.5, 0.1))
POM: Shape = ((0, 0, 0.14), (-0.15, 0.5, 0.12), (-0.2, 0.9, 0.36), (-0.2, 1.05, 0.3))

WHITE, CREAM, GOLD, APRICOT = (244, 240, 232), (240, 222, 190), (214, 160, 88), (222, 168, 118)
FAWN, TAN, RED, SABLE = (214, 176, 130), (190, 128, 66), (176, 98, 48), (126, 86, 54)
LIVER, BLACK, SLATE, GREY = (98, 58, 38), (44, 40, 42), (84, 90, 100), (128, 130, 136)
BROWN_EYES, AMBER_EYES, BLUE_EYES = (62, 38, 22), (150, 96, 36), (104, 160, 208)


@dataclass(frozen=True)
class Breed:
    """All that tells one breed from another. Lengths are in chest radii of a middling dog."""

    wnid: str
    name: str
    coat: tuple[tuple[Mark, Colour], ...]  # painted in this order, the ground colour first
    ear: Shape
    tail: Shape
    leg: float = 1.5  # from the ground to the chest
    body: float = 2.2  # from the hip to the chest's centre
    girth: float = 1.0
    waist: float = 0.8  # of the girth
    neck: float = 1.25
    skull: float = 0.78
    muzzle: float = 1.05  # length beyond the skull, in skull radii
    snout: float = 0.42  # the muzzle's radius at the nose, in skull radii
    bone: float = 0.27  # a leg's radius
    shag: float = 0.0  # how far the fur stands off
    curly: bool = False
    eyes: Colour = BROWN_EYES


# fmt: off
BREEDS: tuple[Breed, ...] = (  # a table, one breed a block
    Breed("n90000001", "Golden_flopear", ((all_over, GOLD), (belly, CREAM)), FLOPPY, PLUME,
          leg=1.4, shag=0.07),
    Breed("n90000002", "Saddle_shepherd",
          ((all_over, TAN), (saddle, BLACK), (mask, BLACK), (ears, BLACK)), PRICKED, BRUSH,
          leg=1.55, muzzle=1.2, waist=0.72, shag=0.05),
    Breed("n90000003", "Inkspot_coachdog",
          ((all_over, WHITE), (spots, BLACK), (ears, BLACK)), FLOPPY, WHIP,
          leg=1.75, waist=0.68),
    Breed("n90000004", "Low_sausage", ((all_over, LIVER), (points, TAN)), LONG, WHIP,
          leg=0.5, body=3.0, girth=0.86, waist=0.86, neck=1.1, skull=0.74, muzzle=1.3,
          snout=0.36, bone=0.25),
    Breed("n90000005", "Curltail_spitz",
          ((all_over, RED), (belly, CREAM), (cheeks, CREAM)), PRICKED, CURL,
          body=1.9, waist=0.86, skull=0.88, muzzle=0.75, shag=0.05),
    Breed("n90000006", "Snow_fluff", ((all_over, WHITE),), PRICKED, CURL,
          leg=1.1, body=1.9, girth=1.2, waist=0.97, neck=1.05, skull=0.95, muzzle=0.65,
          bone=0.36, shag=0.13),
    Breed("n90000007", "Wolfmask_sledder",
          ((all_over, SLATE), (belly, WHITE), (socks, WHITE), (cheeks, WHITE)), PRICKED, BRUSH,
          muzzle=0.95, shag=0.07, eyes=BLUE_EYES),
    Breed("n90000008", "Shaggy_moptop",
          ((all_over, GREY), (front, WHITE), (socks, WHITE)), FLOPPY, STUB,
          leg=1.1, body=1.9, girth=1.25, waist=0.97, skull=1.05, muzzle=0.6, snout=0.6,
          bone=0.45, shag=0.2),
    Breed("n90000009", "Brindle_bruiser",
          ((all_over, SABLE), (brindle, BLACK), (mask, BLACK), (bib, WHITE), (socks, WHITE)),
          BUTTON, STUB, leg=1.65, waist=0.7, skull=0.85, muzzle=0.5, snout=0.62, bone=0.3),
    Breed("n90000010", "Patch_terrier",
          ((all_over, WHITE), (patches, SABLE), (ears, SABLE), (eye_patch, SABLE)),
          BUTTON, SABRE, leg=1.1, body=1.8, girth=0.88, muzzle=0.9, bone=0.23, shag=0.02),
    Breed("n90000011", "Slim_runner", ((all_over, FAWN), (belly, WHITE)), ROSE, WHIP,
          leg=2.1, body=2.4, waist=0.52, neck=1.5, skull=0.7, muzzle=1.5, snout=0.36,
          bone=0.2),
    Breed("n90000012", "Flatface_button", ((all_over, FAWN), (mask, BLACK), (ears, BLACK)),
          BUTTON, CURL, leg=0.85, body=1.5, waist=0.9, neck=1.0, skull=0.98, muzzle=0.22,
          snout=0.6),
    Breed("n90000013", "Longear_hound",
          ((all_over, TAN), (saddle, BLACK), (belly, WHITE), (socks, WHITE), (blaze, WHITE),
           (tip, WHITE)), LONG, SABRE, leg=0.95, waist=0.85, skull=0.84, snout=0.48, bone=0.3),
    Breed("n90000014", "Curly_parlour", ((all_over, APRICOT),), LONG, POM,
          leg=1.6, body=1.8, girth=0.95, skull=0.88, muzzle=0.95, snout=0.38, bone=0.32,
          shag=0.12, curly=True),
    Breed("n90000015", "Collar_collie",
          ((all_over, BLACK), (collar, WHITE), (socks, WHITE), (blaze, WHITE), (tip, WHITE)),
          BUTTON, PLUME, leg=1.35, body=2.1, shag=0.09, eyes=AMBER_EYES),
    Breed("n90000016", "Merle_lowrider",
          ((all_over, GREY), (merle, BLACK), (collar, WHITE), (belly, WHITE), (socks, TAN),
           (blaze, WHITE)), BAT, STUB, leg=0.5, body=2.6, waist=0.92, skull=0.9, muzzle=0.8,
          shag=0.05, eyes=BLUE_EYES),
)
# fmt: on
