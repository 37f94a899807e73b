"""The look at a data set: what it finds in pictures whose oddities are known."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from helpers import noise, refused, voc, zip_folder
from PIL import Image

from local.__main__ import main
from local.data.competition import find
from local.explore import figures, report
from local.explore.colours import colours, distance
from local.explore.duplicates import alike
from local.explore.scan import scan
from local.explore.statistics import boxes

RED, BLUE = "n00000001", "n00000002"
BOX = voc([(10, 10, 80, 70)])
ODD = {
    "not_decoded": {f"{RED}_text.jpg", f"{RED}_cut.jpg"},
    "other_format": {f"{RED}_png.jpg"},
    "not_rgb": {f"{RED}_cmyk.jpg", f"{RED}_grey.jpg"},
    "turned": {f"{RED}_turned.jpg"},
    "small": {f"{RED}_small.jpg"},
    "no_annotation": {f"{BLUE}_bare.jpg", f"{BLUE}_deep.png"},
    "annotation_not_read": {f"{BLUE}_garbled.jpg"},
    "wrong_size": {f"{BLUE}_lies.jpg"},
    "outside": {f"{BLUE}_outside.jpg"},
    "several": {f"{BLUE}_pair.jpg"},
    "small_dog": {f"{BLUE}_far.jpg"},
    "no_crop": {f"{BLUE}_far.jpg", f"{RED}_small.jpg"},
}


def photograph(seed: int, width: int = 100, height: int = 80) -> Image.Image:
    """Soft shapes, which stay what they are when they are scaled."""
    return noise(9, 7, seed).resize((width, height), Image.Resampling.BICUBIC)


class Kennel:
    """Writes pictures with annotations, in the competition's layout."""

    def __init__(self, root: Path):
        self.root = root
        self.dogs = root / "all-dogs"
        self.dogs.mkdir(parents=True)
        self.seed = 0

    def add(self, name, image=None, xml=BOX, **saving):
        self.seed += 1
        image = image or photograph(self.seed)
        saving.setdefault("quality", 95)
        image.save(self.dogs / name, **saving)
        self.annotate(name, xml)

    def annotate(self, name, xml):
        if xml is not None:
            folder = self.root / "Annotation" / f"{name[:9]}-{'Red' if RED in name else 'Blue'}_dog"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name.split(".")[0]).write_text(xml)


@pytest.fixture(scope="module")
def kennel(tmp_path_factory) -> Path:
    """Twelve plain dogs, and one picture or more of every oddity."""
    made = Kennel(tmp_path_factory.mktemp("data") / "odd & <dogs>")
    for i in range(12):
        made.add(f"{RED if i % 2 else BLUE}_{i}.jpg")
    made.add(f"{RED}_png.jpg", format="PNG")
    made.add(f"{RED}_cmyk.jpg", photograph(101).convert("CMYK"))
    made.add(f"{RED}_grey.jpg", photograph(102).convert("L"))
    exif = Image.Exif()
    exif[0x0112] = 6
    made.add(f"{RED}_turned.jpg", exif=exif)
    made.add(f"{RED}_small.jpg", photograph(103, 80, 40), voc([(0, 0, 60, 30)]))
    for name, content in (("text", b"a dog, in words"), ("cut", b"")):
        made.add(f"{RED}_{name}.jpg")
        file = made.dogs / f"{RED}_{name}.jpg"
        file.write_bytes(content or file.read_bytes()[:900])
    made.add(f"{BLUE}_bare.jpg", xml=None)
    made.add(f"{BLUE}_garbled.jpg", xml="<annotation><object>")
    lies = BOX.replace("</width>", "</width><height>90</height>")
    made.add(f"{BLUE}_lies.jpg", xml=lies)
    made.add(f"{BLUE}_outside.jpg", xml=voc([(-5, 10, 90, 70)]))
    made.add(f"{BLUE}_pair.jpg", xml=voc([(0, 0, 50, 80), (50, 0, 100, 80)]))
    made.add(f"{BLUE}_far.jpg", xml=voc([(50, 30, 70, 50)]))
    made.annotate(f"{BLUE}_gone.jpg", voc([(1, 1, 2, 2)]))
    # One photograph again: the same file, smaller and darker, and in a format without a loss.
    twin = made.dogs / f"{RED}_1.jpg"
    (made.dogs / f"{RED}_twin.jpg").write_bytes(twin.read_bytes())
    made.annotate(f"{RED}_twin.jpg", BOX)
    again = Image.open(made.dogs / f"{BLUE}_2.jpg").resize((75, 70)).point(lambda v: v * 0.8)
    made.add(f"{RED}_again.jpg", again, voc([(10, 10, 70, 60)]), quality=60)
    Image.open(made.dogs / f"{BLUE}_4.jpg").save(made.dogs / f"{BLUE}_deep.png")
    return made.root


@pytest.fixture(scope="module")
def look(kennel, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("look") / "new" / "folder"
    assert main(["explore", "--data", str(kennel), "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def numbers(look) -> dict:
    return json.loads((look / "statistics.json").read_text())


@pytest.fixture(scope="module")
def page(look) -> str:
    return (look / "index.html").read_text()


def names(paths) -> set[str]:
    return {Path(path).name for path in paths}


def test_pictures_and_breeds_are_counted(numbers):
    assert (numbers["pictures"], numbers["decoded"]) == (28, 26)
    assert numbers["annotations_without_picture"] == 1
    assert numbers["breeds"] == [
        {"breed": RED, "name": "Red dog", "pictures": 15},
        {"breed": BLUE, "name": "Blue dog", "pictures": 13},
    ]


def test_sizes_of_all_headers_that_can_be_read(numbers):
    sizes = numbers["sizes"]
    assert sizes["common"] == [[100, 80, 25], [75, 70, 1], [80, 40, 1]]  # all but the text
    assert sizes["width (pixels)"]["min"] == 75 and sizes["width (pixels)"]["max"] == 100
    assert sizes["aspect (width / height)"]["median"] == 1.25
    assert sizes["aspect (width / height)"]["max"] == 2


def test_boxes_are_measured_inside_their_pictures(numbers):
    found = numbers["boxes"]
    assert (found["pictures"], found["boxes"]) == (24, 25)
    assert found["dogs in a picture"] == {"1": 23, "2": 1}
    assert found["width (pixels)"]["max"] == 90  # of -5..90
    assert found["share of the picture"]["median"] == pytest.approx(70 * 60 / 8000)
    assert found["share of the picture"]["min"] == pytest.approx(20 * 20 / 8000)
    assert found["shorter side (pixels)"]["min"] == 20


def test_the_map_of_boxes_is_one_where_every_box_is(tmp_path):
    made = Kennel(tmp_path / "dogs")
    made.add(f"{RED}_left.jpg", xml=voc([(0, 0, 50, 80)]))
    made.add(f"{RED}_upper.jpg", xml=voc([(0, 0, 100, 40)]))
    cover = boxes(scan(find(made.root)).seen).cover
    assert (cover[0, 0], cover[0, -1], cover[-1, 0], cover[-1, -1]) == (1, 0.5, 0.5, 0)


@pytest.mark.parametrize("kind", ODD)
def test_odd_files_are_found_and_no_others(kind, numbers):
    assert names(numbers["odd"][kind]) == ODD[kind]


def test_every_kind_of_oddity_is_tested(numbers):
    assert numbers["odd"].keys() == ODD.keys()


def test_oddities_say_what_is_odd(numbers):
    told = {Path(p).name: what for row in numbers["odd"].values() for p, what in row.items()}
    assert told[f"{BLUE}_lies.jpg"] == "says 100x90, is 100x80"
    assert told[f"{BLUE}_outside.jpg"] == "-5, 10, 90, 70 in 100x80"
    assert told[f"{RED}_png.jpg"] == "PNG"
    assert told[f"{RED}_cmyk.jpg"] == "CMYK" and told[f"{RED}_grey.jpg"] == "grey"
    assert told[f"{BLUE}_pair.jpg"] == "2 dogs"
    assert told[f"{RED}_small.jpg"] == "a box of 60x30"


def test_duplicates_are_found_and_no_others(numbers):
    exact, near = (
        [names(g["pictures"]) for g in numbers["duplicates"][k]] for k in ("exact", "near")
    )
    assert exact == [{f"{RED}_1.jpg", f"{RED}_twin.jpg"}]
    assert len(near) == 2
    assert {f"{BLUE}_4.jpg", f"{BLUE}_deep.png"} in near
    assert {f"{BLUE}_2.jpg", f"{RED}_again.jpg"} in near
    assert all(0.96 <= g["correlation"] <= 1 for g in numbers["duplicates"]["near"])


def test_flat_pictures_are_like_none():
    flat = np.full((3, 16, 16), 90, np.uint8)
    assert len(alike(flat)[0]) == 0


def test_pairs_are_found_across_blocks_each_once(monkeypatch):
    monkeypatch.setattr("local.explore.duplicates.BLOCK", 3)
    tiny = np.random.default_rng(0).integers(0, 256, (10, 16, 16), np.uint8)
    tiny[8] = tiny[1]
    tiny[4] = tiny[3]
    pairs, correlations = alike(tiny)
    assert sorted(pairs.tolist()) == [[1, 8], [3, 4]]
    assert correlations == pytest.approx([1, 1])


def solid(folder: Path, colours: list[tuple[int, int, int]], size=(70, 70)) -> None:
    folder.mkdir(parents=True)
    for i, colour in enumerate(colours):
        Image.new("RGB", size, colour).save(folder / f"{i}.png")


def test_levels_of_known_colours(tmp_path):
    solid(tmp_path / "data" / "night", [(0, 0, 10)] * 30)
    solid(tmp_path / "data" / "dusk", [(0, 0, 40)] * 30)
    solid(tmp_path / "data" / "day", [(0, 0, 250)] * 12)
    solid(tmp_path / "data" / "rare", [(255, 255, 255)] * 3)  # too few to be compared
    found = colours(scan(find(tmp_path / "data")))
    assert found.overall[0].sum() == pytest.approx(1)
    assert found.overall[2][[10, 40, 250, 255]] == pytest.approx(
        [30 / 75, 30 / 75, 12 / 75, 3 / 75]
    )
    assert [breed for breed, _ in found.different] == ["day", "night", "dusk"]
    blue = (30 * 10 + 30 * 40 + 12 * 250 + 3 * 255) / 75
    assert found.mean[5, 7] == pytest.approx([255 * 3 / 75, 255 * 3 / 75, blue])
    assert found.means["dusk"][0, 0] == pytest.approx([0, 0, 40])
    assert found.spread[0, 0, 0] == pytest.approx(np.std([0] * 72 + [255] * 3))


def test_distance_is_the_way_that_levels_move():
    one, other = np.zeros((3, 256)), np.zeros((3, 256))
    one[:, 100] = 1
    other[:, 107] = 1
    other[2] = one[2]
    assert distance(one, other) == pytest.approx(14 / 3)
    assert distance(one, one) == 0


def test_a_cheap_decode_shows_what_the_whole_one_shows(tmp_path):
    made = Kennel(tmp_path / "dogs")
    image = photograph(5, 900, 700)
    made.add(f"{RED}_large.jpg", image)
    with Image.open(made.dogs / f"{RED}_large.jpg") as opened:
        whole = np.asarray(opened.resize((64, 64), Image.Resampling.LANCZOS), float)
    assert np.abs(colours(scan(find(made.root))).mean - whole).max() <= 2


class Page(HTMLParser):
    """Collects what a page refers to, and what it says."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.links, self.ids, self.alts, self.words = [], [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.links += [given[k] for k in ("src", "srcset", "href", "data", "action") if k in given]
        self.ids += [given["id"]] if "id" in given else []
        self.alts += [given.get("alt")] if tag == "img" else []

    def handle_data(self, data):
        self.words += data


def test_the_page_needs_nothing_but_itself(page):
    parsed = Page(page)
    assert parsed.links
    assert all(link.startswith(("data:image/", "#")) for link in parsed.links)
    assert {link[1:] for link in parsed.links if link.startswith("#")} <= set(parsed.ids)
    assert {"script", "link", "iframe", "object"}.isdisjoint(parsed.tags)
    assert "http:" not in page and "https:" not in page
    assert "url(" not in page and "@import" not in page
    assert len(page) < 5_000_000


def test_the_page_can_be_read_by_everybody(page):
    parsed = Page(page)
    assert parsed.alts and all(parsed.alts)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert '<html lang="en">' in page
    plots = [a for a in parsed.alts if a.startswith(("Bars", "Histograms", "Points"))]
    assert parsed.tags.count("source") >= len(plots) >= 5  # each once more, for dark screens
    assert page.count('media="(prefers-color-scheme: dark)"') == parsed.tags.count("source")
    assert parsed.tags.count("figure") == parsed.tags.count("figcaption") == len(parsed.alts)
    assert parsed.tags.count("table") >= 10
    assert parsed.tags.count("caption") == parsed.tags.count("table")


def test_the_page_says_what_was_found(page, kennel):
    words = Page(page).words
    assert f"{kennel}. Colours" in words  # its name has to be escaped
    assert "Red dog" in words and "says 100x90, is 100x80" in words
    assert "Pictures a breed: from 13 to 15." in words
    assert "Groups of exact duplicates (the same file): 1, with 1 more" in words


def test_every_picture_of_the_page_lies_beside_it(look, page):
    files = {file.name for file in look.iterdir()}
    pictures = {name for name in files if name.endswith(".png")}
    assert files == pictures | {"index.html", "statistics.json"}
    assert {"breeds.png", "sizes.png", "aspects.png", "boxes.png", "colours.png"} <= pictures
    assert {"mean.png", "samples-before.png", "samples-after.png"} <= pictures
    assert len(pictures) == Page(page).tags.count("figure")
    for name in pictures:
        with Image.open(look / name) as image:
            image.load()
            assert image.format == "PNG"


@pytest.mark.slow
def test_the_same_data_give_the_same_page(kennel, look, tmp_path, capsys):
    words = ["explore", "--data", str(kennel), "--out", str(tmp_path), "--json"]
    assert main(words) == 0
    captured = capsys.readouterr()
    assert captured.err == ""  # no bar where nobody sits
    assert captured.out == (look / "statistics.json").read_text()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        file.name: file.read_bytes() for file in look.iterdir()
    }


def test_stdout_is_the_page_and_a_summary(tmp_path, capsys, make_dogs):
    archive = zip_folder(make_dogs(), tmp_path / "dogs.zip")
    assert main(["explore", "--data", str(archive), "--out", str(tmp_path / "look")]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == str(tmp_path / "look" / "index.html")
    assert [line.split() for line in rest][:4] == [
        ["pictures", "6"],
        ["not", "decoded", "0"],
        ["breeds", "2"],
        ["boxes", "6"],
    ]


def test_the_policy_and_the_seed_choose_the_samples(make_dogs, tmp_path, monkeypatch):
    dogs = str(make_dogs(50))

    def samples(*more):
        assert main(["explore", "--data", dogs, "--out", str(tmp_path / "out"), *more]) == 0
        return [(tmp_path / "out" / f"samples-{k}.png").read_bytes() for k in ("before", "after")]

    monkeypatch.setattr(report, "light_and_dark", lambda *_: [b"\x89PNG"] * 2)  # plots cost seconds

    before, after = samples()
    squashed = samples("--crop", "squash")
    assert squashed[0] == before and squashed[1] != after
    assert samples("--seed", "1")[0] != before


@pytest.mark.slow
def test_parts_without_data_say_so(tmp_path):
    solid(tmp_path / "data", [(i, 2 * i, 9) for i in range(4)])
    assert main(["explore", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]) == 0
    words = Page((tmp_path / "out" / "index.html").read_text()).words
    assert "No picture has an annotation with a box" in words
    assert "No breeds to compare" in words
    assert "All pictures are 70x70 pixels" in words
    assert "No exact duplicates" in words and "No near duplicates" in words
    numbers = json.loads((tmp_path / "out" / "statistics.json").read_text())
    assert numbers["boxes"] is None and "no_annotation" not in numbers["odd"]


def test_pictures_of_which_none_decodes_still_give_a_page(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    for i in range(3):
        (tmp_path / "data" / f"{i}.jpg").write_bytes(b"")
    assert main(["explore", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]) == 0
    words = Page((tmp_path / "out" / "index.html").read_text()).words
    assert "No picture decodes" in words and "No picture's header can be read" in words
    numbers = json.loads((tmp_path / "out" / "statistics.json").read_text())
    assert (numbers["decoded"], numbers["colours"]) == (0, None)
    assert len(numbers["odd"]["not_decoded"]) == 3


def test_a_picture_bomb_is_told_and_not_decoded(tmp_path, monkeypatch):
    solid(tmp_path / "data", [(1, 2, 3), (4, 5, 6)])
    Image.new("RGB", (90, 90)).save(tmp_path / "data" / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    seen = {about.picture.name: about.problem for about in scan(find(tmp_path / "data")).seen}
    assert "over 5,000 pixels" in seen["bomb.png"]
    assert seen["0.png"] == ""


@pytest.mark.slow
def test_of_many_breeds_the_largest_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "MOST_BREEDS", 12)
    for i in range(15):
        solid(tmp_path / "data" / f"class{i:03}", [(i, 0, 255 - i)], (8, 8))
    assert main(["explore", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]) == 0
    words = Page((tmp_path / "out" / "index.html").read_text()).words
    assert "The 12 largest of 15." in words


BAD = {
    "no data": (["--data", "nowhere", "--out", "out"], "nowhere: no such folder"),
    "no pictures": (["--data", "empty", "--out", "out"], "no pictures found"),
    "no out": (["--data", "empty"], "--out"),
    "out is a file": (["--data", "dogs", "--out", "file"], "file: no folder to fill"),
    "out below a file": (["--data", "dogs", "--out", "file/out"], "no folder to fill"),
    "mixture": (
        ["--data", "dogs", "--out", "out", "--crop", "box+round"],
        "crop=round: crop must be one of",
    ),
    "policy": (["--data", "dogs", "--out", "out", "--crop", "round"], "round"),
    "seed": (["--data", "dogs", "--out", "out", "--seed", "-1"], "from 0 to"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_two(case, make_dogs, tmp_path, monkeypatch, capsys):
    make_dogs()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    monkeypatch.chdir(tmp_path)
    words, says = BAD[case]
    refused(["explore", *words], says, capsys)
    assert not (tmp_path / "out").exists() and (tmp_path / "file").read_text() == "mine"


@pytest.mark.slow
def test_work_that_fails_leaves_no_page(make_dogs, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(figures, "mean_picture", full)
    out = tmp_path / "out"
    assert main(["explore", "--data", str(make_dogs()), "--out", str(out)]) == 1
    assert capsys.readouterr().err == "local explore: no space left on device\n"
    assert not [p for p in out.iterdir() if p.suffix not in (".png", ".json")]


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as left:
        main(["explore", "--help"])
    assert left.value.code == 0
    assert "examples:\n  python -m local explore --data" in capsys.readouterr().out


@pytest.mark.slow
def test_real_dogs(real_dogs, tmp_path, capsys):
    assert main(["explore", "--data", str(real_dogs), "--out", str(tmp_path), "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert (numbers["pictures"], numbers["decoded"]) == (12025, 12025)
    assert numbers["boxes"]["boxes"] == 3000 and len(numbers["breeds"]) == 15
    near = [names(group["pictures"]) for group in numbers["duplicates"]["near"]]
    assert {"n02096294_10076.jpg", "n02096294_10240.jpg"} in near
    assert len(near) < 60
    assert len(numbers["odd"]["not_rgb"]) == 34
    assert (tmp_path / "index.html").stat().st_size < 5_000_000
