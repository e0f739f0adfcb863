"""The HTML of the public pages. Whatever a person typed is escaped here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from app.api.gallery import Shown, picture_path

PAGE: Final = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{title}</title>
  <link rel="icon" type="image/svg+xml" href="/studio/easel.svg">
  <link rel="stylesheet" href="/s/page.css">
{head}</head>
<body>
<main>
{body}
</main>
<footer><p>Drawn with <a href="/">Easel</a>.{more}</p></footer>
</body>
</html>
"""

RECIPE: Final = (
    ("Steps", "num_inference_steps"),
    ("Guidance", "guidance_scale"),
    ("Scheduler", "scheduler"),
    ("Strength", "strength"),
    ("Scale", "scale"),
)
MOST_OF_A_TITLE: Final = 70
MOST_OF_A_DESCRIPTION: Final = 200


def picture_page(found: Shown, base_url: str, *, has_gallery: bool) -> str:
    """The page of one shared picture; `base_url` is where the server is reached."""
    words, output = found.prompt or "A picture", found.output
    title, facts = _cut(words, MOST_OF_A_TITLE), output.facts
    meta = {
        "og:type": "article",
        "og:title": title,
        "og:description": _cut(words, MOST_OF_A_DESCRIPTION),
        "og:url": f"{base_url}/s/{found.share.id}",
        "og:image": f"{base_url}{picture_path(found)}",
        "og:image:type": output.medium,
        "og:image:width": str(facts["width"]),
        "og:image:height": str(facts["height"]),
        "og:image:alt": title,
    }
    head = [
        *(f'  <meta property="{name}" content="{escape(value)}">\n' for name, value in meta.items()),
        '  <meta name="twitter:card" content="summary_large_image">\n',
        f'  <meta name="description" content="{escape(meta["og:description"])}">\n',
    ]
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _recipe(found))
    body = (
        f'<figure><a href="{picture_path(found)}"><img src="{picture_path(found)}" alt="{escape(title)}" '
        f'width="{facts["width"]}" height="{facts["height"]}"></a>\n'
        f'<figcaption><h1 dir="auto">{escape(words)}</h1>\n<dl>{rows}</dl></figcaption></figure>'
    )
    return _page(title, body, head="".join(head), has_gallery=has_gallery)


def missing(*, withdrawn: bool) -> str:
    """What stands where no picture is shown, or not any more."""
    title, said = (
        (
            "This picture was withdrawn",
            "Whoever shared it has taken it back, or it was deleted. It can no longer be seen.",
        )
        if withdrawn
        else ("There is no picture here", "The address may be mistyped: compare it with the one that you were sent.")
    )
    return _page(title, f'<h1>{title}</h1>\n<p class="said">{said}</p>')


def gallery(found: Sequence[Shown], cursor: str | None) -> str:
    """A page of the gallery; `cursor` is where the next one begins."""
    items = "\n".join(
        f'<li><a href="/s/{each.share.id}"><img loading="lazy" src="/s/{each.share.id}/small" '
        f'alt="{escape(_cut(each.prompt or "A picture", MOST_OF_A_TITLE))}" '
        f'width="{each.output.facts["width"]}" height="{each.output.facts["height"]}"></a></li>'
        for each in found
    )
    body = (
        f"<h1>Gallery</h1>\n<ul>\n{items}\n</ul>"
        if found
        else '<h1>Gallery</h1>\n<p class="said">Nothing here yet.</p>'
    )
    if cursor:
        body += f'\n<p class="said"><a href="/gallery?cursor={cursor}">Older pictures</a></p>'
    return _page("Gallery", body)


def _page(title: str, body: str, *, head: str = "", has_gallery: bool = False) -> str:
    more = ' More is in the <a href="/gallery">gallery</a>.' if has_gallery else ""
    return PAGE.format(title=escape(title), head=head, body=body, more=more)


def _recipe(found: Shown) -> Iterator[tuple[str, str]]:
    request, facts = found.job.request, found.output.facts
    told = request.parameters.model_dump(mode="json")
    yield "Model", request.model
    if told.get("negative_prompt"):
        yield "Keep out", str(told["negative_prompt"])
    for adapter in request.adapters:
        yield "LoRA", f"{adapter.id}, {adapter.weight}"
    yield "Size", f"{facts['width']} × {facts['height']}"
    for name, parameter in RECIPE:
        if told.get(parameter) is not None:
            yield name, str(told[parameter])
    yield "Seed", str(found.output.seed)
    yield "Made", f"{found.job.created_at:%-d %B %Y}"


def _cut(words: str, most: int) -> str:
    line = " ".join(words.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
