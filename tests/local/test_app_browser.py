"""Dogs on demand in a real browser: each control is used, as a visitor would."""

import io
import re
import zipfile

import numpy as np
import pytest
import torch
import untrained
from browser import screenshot, scrolls_sideways
from PIL import Image

pytest_plugins = ["browser"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio"),  # of its own making
]

DRAWN = "() => Array.from(document.querySelectorAll('[data-dog] img'), image => image.src)"
COUNT = 24  # dogs that the page begins with


@pytest.fixture(scope="module")
def url():
    from local.app.neighbours import Neighbours
    from local.app.page import build
    from local.app.server import served
    from local.data.prepared import TrainingSet

    random = torch.Generator().manual_seed(1)
    pictures = torch.randint(0, 256, (30, 3, 32, 32), dtype=torch.uint8, generator=random)
    data = TrainingSet(pictures, torch.arange(30) % 3, list(untrained.BREEDS.names))
    dogs = untrained.dogs(about=("A network that has learned nothing.",))
    with served(build(dogs, Neighbours(data, None)), "127.0.0.1", 0) as address:
        yield address


@pytest.fixture
def visit(url, open_page):
    """Opens the page, with its first dogs on it."""

    def opened(**window):
        page = open_page(url, **window)
        shows(page, f"{COUNT} dogs · seed 0")
        return page

    return opened


def shows(page, words: str) -> None:
    page.get_by_text(words).first.wait_for()


def button(page, name: str):
    return page.get_by_role("button", name=name, exact=True)


def set_number(page, label: str, value: float) -> None:
    """Types into a slider's own field, and leaves it."""
    field = page.get_by_label(f"number input for {label}", exact=True)
    field.fill(f"{value:g}")
    field.press("Tab")


def choose(page, label: str, breed: str) -> None:
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=breed, exact=True).click()


def row(page) -> list[str]:
    """Pictures of the part that is open."""
    return page.evaluate(
        "Array.from(document.querySelectorAll('.few img')).filter(i => i.offsetParent)"
        ".map(i => i.src)"
    )


def wait_for_row(page, count: int) -> list[str]:
    page.wait_for_function(
        "n => Array.from(document.querySelectorAll('.few img')).filter(i => i.offsetParent)"
        ".length === n",
        arg=count,
    )
    return row(page)


def test_a_seed_draws_its_own_dogs(visit):
    page = visit()
    first = page.evaluate(DRAWN)
    assert len(first) == len(set(first)) == COUNT
    seed = page.get_by_label("Seed")
    seed.fill("1")
    button(page, "Draw").click()
    shows(page, f"{COUNT} dogs · seed 1")
    assert set(page.evaluate(DRAWN)).isdisjoint(first)
    seed.fill("0")
    seed.press("Enter")
    shows(page, f"{COUNT} dogs · seed 0")
    assert page.evaluate(DRAWN) == first
    button(page, "Another seed").click()
    page.wait_for_function("!/seed [01] /.test(document.querySelector('.said').innerText)")
    assert set(page.evaluate(DRAWN)).isdisjoint(first)
    assert seed.input_value() in page.locator(".said").inner_text()


def test_breed_truncation_and_number_are_obeyed(visit):
    page = visit()
    first = page.evaluate(DRAWN)
    choose(page, "Breed", "old hound")
    shows(page, f"{COUNT} dogs of old hound")
    hounds = page.evaluate(DRAWN)
    assert hounds != first
    assert page.locator("[data-dog]").all_inner_texts()[3] == "4 · old hound"
    slider = page.get_by_label("range slider for Truncation", exact=True)
    assert "no truncation" in page.locator(".said").inner_text() and slider.is_disabled()
    page.get_by_label("Truncate", exact=True).check()
    shows(page, "truncation 1")
    page.wait_for_function("s => !s.disabled", arg=slider.element_handle())
    set_number(page, "Truncation", 0.5)
    shows(page, "truncation 0.5")
    assert page.evaluate(DRAWN) != hounds
    page.get_by_label("Truncate", exact=True).uncheck()
    shows(page, "no truncation")
    assert page.evaluate(DRAWN) == hounds
    set_number(page, "Number of dogs", 5)
    shows(page, "5 dogs of old hound")
    assert len(page.evaluate(DRAWN)) == 5
    page.get_by_label("range slider for Number of dogs", exact=True).click()  # in its middle
    page.wait_for_function("document.querySelectorAll('[data-dog]').length > 20")


def test_ten_thousand_dogs_are_refused_in_words(visit):
    page = visit()
    dogs = page.locator(".dogs").screenshot()
    set_number(page, "Number of dogs", 10_000)
    shows(page, "The number of dogs must be from 1 to 64, not 10,000.")
    assert page.locator(".dogs").screenshot() == dogs  # nothing lies over them
    assert "Traceback" not in page.locator("body").inner_text()


def test_what_is_no_seed_and_no_dog_is_refused_in_words(visit):
    page = visit()
    page.get_by_label("Seed").fill("-1")
    button(page, "Draw").click()
    shows(page, "The seed must be from 0 to 4,294,967,295, not -1.")
    page.get_by_label("Dog B", exact=True).fill("99")
    button(page, "Blend").click()
    shows(page, f"its number must be from 1 to {COUNT}, not 99.")


def test_what_is_typed_and_is_no_breed_does_not_stay(visit):
    page = visit()
    box = page.get_by_label("Breed", exact=True)
    for text, key, then in (
        ("xyz", "Enter", "any breed"),
        ("hou", "Enter", "old hound"),
        ("pu", "Escape", "old hound"),
    ):
        box.click()
        box.fill(text)
        box.press(key)
        page.wait_for_function("([e, v]) => e.value === v", arg=[box.element_handle(), then])
    shows(page, f"{COUNT} dogs of old hound")


def test_dogs_are_chosen_by_clicks_and_by_keys(visit):
    page = visit()
    page.locator("[data-dog='5']").click()
    page.wait_for_selector("[data-dog='5'][data-mark='B'][aria-pressed='true']")
    seventh = page.locator("[data-dog='7']")
    seventh.focus()
    seventh.press("Enter")
    page.wait_for_selector("[data-dog='7'][data-mark='B']")
    assert [page.get_by_label(f"Dog {n}", exact=True).input_value() for n in "AB"] == ["5", "7"]
    assert page.locator("[data-mark]").count() == 2
    set_number(page, "Number of dogs", 8)  # drawn anew, they are still marked
    shows(page, "8 dogs")
    page.wait_for_selector("[data-dog='7'][data-mark='B']")


def test_two_dogs_are_blended(visit):
    page = visit()
    button(page, "Blend").click()
    first, half, second = wait_for_row(page, 3)
    assert len({first, half, second}) == 3
    set_number(page, "Share of dog B (%)", 100)
    shows(page, "0 % A, 100 % B")
    assert row(page) == [first, second, second]


def test_one_dog_walks_to_another(visit):
    page = visit()
    page.get_by_role("tab", name="Walk").click()
    button(page, "Walk").click()
    assert len(set(wait_for_row(page, 8))) == 8
    set_number(page, "Steps", 3)
    assert len(wait_for_row(page, 3)) == 3
    film = page.locator("img.played")
    assert not film.is_visible()
    page.get_by_text("In motion").click()
    assert film.is_visible()
    assert film.get_attribute("alt") == "A walk from dog 1 to dog 2"
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as WebP").click()
    with Image.open(download.value.path()) as saved:
        assert (saved.format, saved.n_frames) == ("WEBP", 4)


def test_two_breeds_are_mixed(visit):
    page = visit()
    page.get_by_role("tab", name="Blend breeds").click()
    button(page, "Mix").click()
    shows(page, "as 50 % pug, 50 % old hound")
    half = wait_for_row(page, 8)
    choose(page, "The other breed", "boxer")
    set_number(page, "Share of the other breed (%)", 25)
    shows(page, "as 75 % pug, 25 % boxer")
    assert set(row(page)).isdisjoint(half)


def test_the_nearest_training_pictures_are_shown_with_distances(visit):
    page = visit()
    page.get_by_role("tab", name="Nearest training pictures").click()
    shows(page, "Among all 30 training pictures")
    button(page, "Find").click()
    wait_for_row(page, 2 * 8)
    captions = page.locator(".few figcaption").all_inner_texts()
    assert (captions[0], captions[8]) == ("A · dog 1", "B · dog 2")
    assert re.fullmatch(r"\d+\.\d · (pug|old hound|boxer)", captions[1])


def test_dogs_are_saved(visit):
    page = visit()
    with page.expect_download() as sheet:
        button(page, "Save as PNG").click()
    assert sheet.value.suggested_filename == "dogs-0.png"
    with Image.open(sheet.value.path()) as saved:
        assert saved.size == (5 * 34 - 2, 5 * 34 - 2)
    with page.expect_download() as archive:
        button(page, "Save as zip").click()
    assert archive.value.suggested_filename == "dogs-0.zip"
    with zipfile.ZipFile(archive.value.path()) as saved:
        assert len(saved.namelist()) == 1 + COUNT


def test_all_of_it_can_be_done_by_keys(visit):
    page = visit()
    page.get_by_label("Seed").focus()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("12")
    for _ in range(12):  # past the sliders
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == "Draw":
            break
    page.keyboard.press("Enter")
    shows(page, "seed 12")


def test_a_narrow_dark_screen_shows_all_of_it(visit):
    page = visit(width=360, height=740, dark=True)
    assert not scrolls_sideways(page)
    page.get_by_label("Seed").fill("3")
    button(page, "Draw").click()
    shows(page, "seed 3")
    button(page, "Blend").click()
    wait_for_row(page, 3)
    assert not scrolls_sideways(page)
    widths = page.evaluate(
        "Array.from(document.querySelectorAll('[data-dog] img, .few img'), i => i.clientWidth)"
    )
    assert min(widths) >= 80
    shown = np.asarray(Image.open(io.BytesIO(screenshot(page, "app-narrow"))).convert("L"))
    assert np.median(shown) < 60


def test_a_wide_light_screen_shows_the_dogs_at_once(visit):
    page = visit()
    assert not scrolls_sideways(page)
    last = page.locator(f"[data-dog='{COUNT}']").bounding_box()
    assert last["y"] + last["height"] < 900  # without scrolling
    shown = Image.open(io.BytesIO(screenshot(page, "app-wide", whole=False))).convert("L")
    assert np.median(np.asarray(shown)) > 200


def test_a_generator_that_knows_no_breeds_offers_none(open_page):
    from local.app.page import build
    from local.app.server import served

    with served(build(untrained.dogs("dcgan")), "127.0.0.1", 0) as address:
        page = open_page(address)
        shows(page, f"{COUNT} dogs · seed 0")
        assert page.get_by_label("Breed").count() == 0
        tabs = page.get_by_role("tab").all_inner_texts()
        assert [name for name in tabs if name] and not {"Blend breeds"} & set(tabs)
        assert page.locator("[data-dog]").all_inner_texts()[0] == "1"
        page.close()  # before its server
