"""The page: dogs on demand, and what can be done with two of them.

    build(dogs).launch(**LAUNCH)

Pictures are part of the page. Gradio would serve them as files, at addresses that name folders of
this machine, and would have to clear them away.
"""

import functools
import random
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from local.app.answers import Answers, Nearest
from local.app.guard import Guard
from local.app.look import CSS, PICK, PICKED, SAVE, THEME, TYPED
from local.app.refusals import Blocks, told
from local.app.sampler import MOST, MOST_STEPS, Sampler, spoken
from local.page import paragraph

TITLE = "Dogs on demand"
LOWEST, USUAL = 0.05, 1.0  # truncations: the least, and where the slider begins without one
COUNT = 24  # dogs that the page begins with: three rows on a wide screen
STEPS = 8  # of a walk, to begin with: one row
NEW_SEEDS = 1_000_000  # few enough to remember one
WAITING = 64  # requests in the queue; who comes after them is told so
ANY = "any breed"

# Nothing is told to anybody and nothing is kept: no share link, no history, no counts of visitors.
LAUNCH: dict[str, Any] = {
    "theme": THEME,
    "css": CSS,
    "share": False,
    "footer_links": [],
    "run_history": False,
    "enable_monitoring": False,
    "ssr_mode": False,
    "pwa": False,
    "mcp_server": False,
    "app_kwargs": {"middleware": [Middleware(Guard)]},
}
# What is sent is checked by `dogs`, in its own words; Gradio's checks would answer in others.
# One request is drawn at a time, for all visitors together, and has the whole machine.
EVENT: dict[str, Any] = {
    "preprocess": False,
    "concurrency_id": "dogs",
    "concurrency_limit": 1,
    "trigger_mode": "always_last",  # what was set while dogs were drawn is not lost
    "show_progress": "minimal",
}


def build(dogs: Sampler, nearest: Nearest | None = None) -> gr.Blocks:
    """The page of a generator; without `nearest` it says nothing of training pictures."""
    dogs.pictures(dogs.draws(dogs.wish("", 0, 0, 1)))  # the first call of a network is slow
    return _Page(dogs, nearest).blocks


class _Page:
    """What is on it, and what happens when it is used."""

    def __init__(self, dogs: Sampler, nearest: Nearest | None) -> None:
        self.dogs, self.nearest = dogs, nearest
        self.answers = Answers(dogs, nearest)
        with Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as self.blocks:
            about = "".join(map(paragraph, dogs.about))
            gr.HTML(f"<h1>{TITLE}</h1>{about}", elem_id="title", js_on_load=TYPED)
            self.shown = gr.State()  # the wish whose dogs are on the page
            with gr.Row():
                with gr.Column(scale=1, min_width=260):
                    self._controls()
                with gr.Column(scale=3, min_width=280):
                    self.said = gr.HTML()
                    self.sheet = gr.HTML(js_on_load=PICK)
            self._draws()
            self._chosen()
        self.blocks.queue(max_size=WAITING)

    def _controls(self) -> None:
        dogs = self.dogs
        breeds = [(ANY, ""), *_choices(dogs)]
        self.breed = gr.Dropdown(
            breeds,
            value="",
            label="Breed",
            info="Choose one, or type a part of its name.",
            visible=bool(dogs.breeds),
        )
        self.seed = gr.Number(0, label="Seed", info="The same seed draws the same dogs.")
        self.another = gr.Button("Another seed", size="md")
        own = dogs.recipe.truncation
        self.truncated = gr.Checkbox(
            bool(own), label="Truncate", info="Fewer odd dogs if all goes well, for less variety."
        )
        self.truncation = gr.Slider(
            LOWEST,
            dogs.widest,
            min(own or USUAL, dogs.widest),
            step=LOWEST,
            label="Truncation",
            info="Latents beyond it are drawn again.",
            interactive=bool(own),
        )
        self.count = gr.Slider(1, MOST, COUNT, step=1, label="Number of dogs")
        self.go = gr.Button("Draw", variant="primary")
        with gr.Row():
            self.saves = {
                kind: gr.Button(f"Save as {name}", size="sm", min_width=100)
                for kind, name in (("png", "PNG"), ("zip", "zip"))
            }
        self.file = gr.Textbox(visible="hidden")

    def _draws(self) -> None:
        """What the controls do."""
        asked = [self.breed, self.seed, self.truncated, self.truncation, self.count]
        answer = [self.sheet, self.said, self.shown]
        gr.on(
            [
                self.blocks.load,
                self.go.click,
                self.breed.input,
                self.seed.submit,
                self.truncated.input,
                self.truncation.release,
                self.count.release,
            ],
            told(self.answers.draw),
            asked,
            answer,
            api_name="draw",
            show_progress_on=self.sheet,
            **EVENT,
        )
        self.another.click(_another_seed, None, self.seed, api_visibility="private").then(
            told(self.answers.draw), asked, answer, api_visibility="private", **EVENT
        )
        self.truncated.change(
            _usable,
            self.truncated,
            self.truncation,
            api_visibility="private",
            show_progress="hidden",
        )
        for kind, button in self.saves.items():
            save = told(functools.partial(self.answers.save, kind))
            button.click(save, self.shown, self.file, api_name=kind, **EVENT).success(
                fn=None, inputs=self.file, js=SAVE
            )

    def _chosen(self) -> None:
        """What is done with dogs that are drawn."""
        how = "Click two of the dogs above, or name them by their numbers."
        gr.HTML(f"<h2>Two of them</h2>{paragraph(how)}", elem_classes="head")
        with gr.Row():
            numbers = [
                gr.Number(i, label=f"Dog {n}", min_width=120) for i, n in ((1, "A"), (2, "B"))
            ]
        self.sheet.pick(_picked, numbers, numbers, preprocess=False, api_visibility="private")
        for each in numbers:
            each.change(fn=None, inputs=numbers, js=PICKED)
        two = [self.shown, *numbers]
        with gr.Tabs():
            with gr.Tab("Blend"):
                self._part("Blend", self.answers.blend, two, _per_cent("Share of dog B (%)"))
            with gr.Tab("Walk"):
                steps = gr.Slider(
                    2, MOST_STEPS, STEPS, step=1, label="Steps", min_width=220, render=False
                )
                self._part("Walk", self.answers.walk, two, steps)
            if len(self.dogs.breeds) > 1:
                with gr.Tab("Blend breeds"):
                    self._breeds()
            if self.nearest:
                with gr.Tab("Nearest training pictures"):
                    gr.HTML(paragraph(self.nearest.about), elem_classes="head")
                    self._part("Find", self.answers.neighbours, two)

    def _breeds(self) -> None:
        choices = _choices(self.dogs)
        with gr.Row():
            pair = [
                gr.Dropdown(choices, value=self.dogs.breeds[i], label=label, min_width=160)
                for i, label in enumerate(("One breed", "The other breed"))
            ]
        share = _per_cent("Share of the other breed (%)")
        self._part("Mix", self.answers.mix, [self.shown, *pair], share)

    def _part(
        self,
        name: str,
        does: Callable[..., str],
        inputs: Sequence[Any],
        slider: gr.Slider | None = None,
    ) -> None:
        """A button, with a slider that does the same when it is let go; what they give, below."""
        with gr.Row(elem_classes="part"):
            if slider:
                slider.render()
            button = gr.Button(name, variant="primary", scale=0, min_width=140)
        below = gr.HTML()
        gr.on(
            [button.click, *([slider.release] if slider else [])],
            told(does),
            [*inputs, *([slider] if slider else [])],
            below,
            api_name=name.lower(),
            **EVENT,
        )


def _another_seed() -> int:
    return random.randrange(NEW_SEEDS)


def _usable(truncated: Any) -> dict[str, Any]:
    """The slider, which does nothing while the box beside it is empty."""
    return gr.update(interactive=bool(truncated))


def _picked(first: Any, second: Any, event: gr.EventData) -> tuple[Any, Any]:
    """The last two dogs that were clicked."""
    clicked = event._data.get("dog") if isinstance(event._data, dict) else None
    a, b, dog = (n if isinstance(n, int | float) else None for n in (first, second, clicked))
    return (a, b) if dog == b else (b, dog)


def _per_cent(label: str) -> gr.Slider:
    return gr.Slider(0, 100, 50, step=1, label=label, min_width=220, render=False)


def _choices(dogs: Sampler) -> list[tuple[str, str]]:
    return [(spoken(name), name) for name in dogs.breeds]
