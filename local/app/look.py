"""How the page looks, and what its few scripts do; nothing is fetched from elsewhere."""

import gradio as gr

INK, LINK, LINK_DARK = "#1b1f24", "#005a8d", "#7cc4f2"  # as on the kit's other pages

THEME = gr.themes.Base(
    primary_hue=gr.themes.colors.sky,
    neutral_hue=gr.themes.colors.slate,
    radius_size=gr.themes.sizes.radius_md,
    font=["system-ui", "sans-serif"],  # of the visitor's own system: none is fetched
    font_mono=["ui-monospace", "monospace"],
).set(
    body_background_fill="#f4f6f8",
    body_background_fill_dark="#15181c",
    body_text_color=INK,
    body_text_color_dark="#e6e8eb",
    body_text_color_subdued="#545c66",
    body_text_color_subdued_dark="#a5adb7",
    block_background_fill_dark="#1e2228",
    block_info_text_color="#545c66",
    block_info_text_color_dark="#a5adb7",
    block_label_text_color="#545c66",
    block_title_text_color=INK,
    block_title_text_color_dark="#e6e8eb",
    button_primary_background_fill=LINK,
    button_primary_background_fill_hover="#00466e",
    button_primary_background_fill_dark=LINK_DARK,
    button_primary_background_fill_hover_dark="#a5d8f8",
    button_primary_text_color="#ffffff",
    button_primary_text_color_dark="#15181c",
    color_accent=LINK,
    color_accent_soft="#dcebf5",
    color_accent_soft_dark="#24435a",
    link_text_color=LINK,
    link_text_color_dark=LINK_DARK,
    slider_color=LINK,
    slider_color_dark=LINK_DARK,
)

CSS = f"""
.gradio-container {{ width: 100%; max-width: 76rem !important; margin: 0 auto !important; }}
.gradio-container .html-container {{ padding: 0; }}
footer {{ display: none !important; }}
/* What is refused is said at the top, and not over the dogs, which are still those of before. */
[data-testid="status-tracker"]:has(> .clear-status) {{ display: none; }}
#title h1 {{ margin: 0; font-size: 1.9rem; line-height: 1.2; font-weight: 650; }}
#title p, .head p, .said {{ margin: .25rem 0 0; color: var(--body-text-color-subdued); }}
.head h2 {{ margin: .75rem 0 0; font-size: 1.3rem; font-weight: 600; }}
.said {{ font-variant-numeric: tabular-nums; }}
.dogs {{ display: grid; gap: .75rem .5rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(5.75rem, 1fr)); }}
.few {{ grid-template-columns: repeat(auto-fill, minmax(6.5rem, 8rem)); }}
@media (max-width: 40rem) {{ .few {{ grid-template-columns: repeat(3, 1fr); }} }}
.few + .few {{ margin-top: .75rem; }}
.part {{ align-items: end; }}
.dark {{ --color-accent: {LINK_DARK}; }}
.dog {{ position: relative; display: block; width: 100%; margin: 0; padding: 0; border: 0;
  border-radius: .5rem; background: none; color: var(--body-text-color-subdued);
  font-size: .8rem; font-weight: 400; line-height: 1.35; text-align: left;
  overflow-wrap: anywhere; }}
button.dog {{ cursor: pointer; }}
.dog img {{ display: block; width: 100%; margin: 0 0 .3rem; aspect-ratio: 1; border-radius: .5rem;
  background: var(--block-background-fill); }}
button.dog:hover img {{ filter: brightness(1.08); }}
.dog[data-mark] img {{ outline: 3px solid {LINK}; outline-offset: 1px; }}
.dark .dog[data-mark] img {{ outline-color: {LINK_DARK}; }}
.dog[data-mark]::before {{ content: attr(data-mark); position: absolute; top: .3rem; left: .3rem;
  padding: 0 .45rem; border-radius: .35rem; background: {LINK}; color: #fff; font-weight: 650; }}
.dark .dog[data-mark]::before {{ background: {LINK_DARK}; color: #15181c; }}
.played {{ width: 9.5rem; border-radius: .5rem; margin-top: .5rem; }}
summary {{ cursor: pointer; margin-top: .75rem; }}
:focus-visible {{ outline: 3px solid {LINK} !important; outline-offset: 2px; }}
.dark :focus-visible {{ outline-color: {LINK_DARK} !important; }}
"""

# A dog that is clicked is told to the page, and those chosen are marked, also after a new draw.
PICK = """
const mark = () => {
  const [a, b] = (document.documentElement.dataset.picked || '1 2').split(' ');
  for (const dog of element.querySelectorAll('[data-dog]')) {
    const mark = (dog.dataset.dog === a ? 'A' : '') + (dog.dataset.dog === b ? 'B' : '');
    if (mark) dog.dataset.mark = mark; else delete dog.dataset.mark;
    dog.setAttribute('aria-pressed', String(mark !== ''));
  }
};
element.addEventListener('click', event => {
  const dog = event.target.closest('[data-dog]');
  if (dog) trigger('pick', {dog: Number(dog.dataset.dog)});
});
document.addEventListener('picked', mark);
watch('value', mark);
mark();
"""
# What was typed into a list and is not in it does not stay: a field that is left shows what is
# chosen. Before the list itself hears of the key: it closes then.
TYPED = """
document.addEventListener('keydown', event => {
  const field = event.target;
  if (!field.matches?.('[role=combobox][aria-expanded=true]')) return;
  const names = Array.from(document.querySelectorAll('[role=option]'), name => name.innerText);
  const typed = field.value.toLowerCase();
  const none = !names.some(name => name.toLowerCase().includes(typed));
  if (event.key === 'Escape' || (event.key === 'Enter' && none)) setTimeout(() => field.blur());
}, true);
"""
PICKED = """(a, b) => {
  document.documentElement.dataset.picked = `${a} ${b}`;
  document.dispatchEvent(new Event('picked'));
}"""
# A file comes as its name, a space, and a data URI.
SAVE = """(file) => {
  const [name, data] = file.split(' ');
  Object.assign(document.createElement('a'), {href: data, download: name}).click();
}"""
