"""How to say what a training picture shows."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.motifs import Motif

# Names as people use them, the values far enough apart to be told from each other.
COLOURS: dict[str, tuple[int, int, int]] = {
    "white": (255, 255, 255),
    "black": (16, 16, 18),
    "grey": (128, 128, 132),
    "light grey": (208, 208, 212),
    "dark grey": (64, 64, 68),
    "red": (220, 40, 40),
    "dark red": (120, 16, 24),
    "orange": (246, 140, 32),
    "yellow": (252, 216, 52),
    "beige": (240, 224, 196),
    "cream": (252, 246, 224),
    "brown": (124, 80, 48),
    "green": (52, 160, 72),
    "light green": (168, 226, 160),
    "dark green": (16, 80, 48),
    "olive": (124, 128, 44),
    "mint": (184, 240, 216),
    "teal": (20, 132, 136),
    "turquoise": (64, 208, 204),
    "cyan": (60, 210, 240),
    "blue": (44, 104, 226),
    "light blue": (172, 214, 250),
    "sky blue": (124, 198, 246),
    "dark blue": (20, 40, 108),
    "navy blue": (14, 24, 72),
    "purple": (130, 60, 180),
    "lavender": (214, 202, 246),
    "violet": (146, 84, 228),
    "magenta": (214, 40, 160),
    "pink": (250, 164, 196),
    "light pink": (254, 214, 226),
    "hot pink": (246, 84, 158),
}
COLOUR_NAMES = tuple(COLOURS)

STYLE_FRONT = {
    "3d": ("a 3d render of {}", "a 3d icon of {}", "3d emoji of {}", "a glossy 3d render of {}", "3d {}"),
    "flat": (
        "a flat icon of {}",
        "a flat vector of {}",
        "flat icon of {}",
        "a flat illustration of {}",
        "flat {}",
    ),
}
STYLE_BACK = {
    "3d": (", 3d render", ", 3d", ", 3d style", " in 3d"),
    "flat": (
        ", flat icon",
        ", flat design",
        ", flat vector",
        ", flat",
        " as a flat icon",
        ", simple flat icon",
    ),
}
BACKGROUND = (
    " on a {} background",
    ", {} background",
    " on {}",
    " with a {} background",
    " against a {} background",
)
NO_ARTICLE = {
    "autumn leaves", "badminton", "ballet shoes", "ballet slippers", "bananas", "beer", "blood", "blue jeans",
    "blueberries", "books", "bread", "bricks", "broccoli", "butter", "champagne", "champagne glasses", "cheers",
    "cheese", "cherries", "chestnuts", "chips", "chocolate", "chopsticks", "clubs", "coffee", "cooked rice", "corn",
    "crossed swords", "cutlery", "dark glasses", "diamonds", "dna", "dumplings", "dynamite", "earth", "eyeglasses",
    "fallen leaves", "fire", "fireworks", "flames", "flip-flops", "footprints", "french bread", "french fries",
    "fries", "glasses", "gloves", "goggles", "grapes", "green peas", "groundnuts", "headphones", "heart eyes", "ice",
    "ice cubes", "ice hockey", "ice skates", "jeans", "maize", "maracas", "meat", "milk", "nesting dolls", "olives",
    "pancakes", "pasta", "peanuts", "peas", "pills", "ping pong", "pointe shoes", "popcorn", "railway tracks",
    "ramen", "rice", "roller skates", "rugby", "russian dolls", "safety goggles", "salt", "scales", "scissors",
    "shopping bags", "short trousers", "shorts", "skis", "soap", "socks", "spades", "spaghetti", "sunglasses",
    "sushi", "swords", "table tennis", "tickets", "toilet paper", "train tracks", "trousers", "two swords",
    "weighing scales", "wheat", "whiskey", "whisky", "winter gloves", "women's boots", "wood",
}  # fmt: skip


def with_article(name: str) -> str:
    """The words "fox" as "a fox", "owl" as "an owl"; words that take no article stay as they are."""
    if name in NO_ARTICLE or (" of " in name and name.split(" ")[0].endswith("s")):
        return name
    return f"{'an' if name[0] in 'aeiou' and not name.startswith('u') else 'a'} {name}"


def say_motif(motif: Motif, rng: random.Random) -> str:
    """A name in a third of the cases, else a synonym, a tag or, where there are any, a word next to it."""
    draw = rng.random()
    if draw < 0.07 and motif.tags:
        name = rng.choice(motif.tags)
        return name if rng.random() < 0.5 else f"{motif.names[0]}, {name}"
    if draw < 0.50 and motif.synonyms:
        name = rng.choice(motif.synonyms)
    elif draw < 0.68 and motif.neighbours:
        name = rng.choice(motif.neighbours)
    else:
        name = motif.names[0] if draw < 0.92 else rng.choice(motif.names)
    return with_article(name) if rng.random() < 0.65 else name


def say_style(subject: str, style: str, rng: random.Random) -> str:
    """3D is the default and often goes without saying; flat must be asked for."""
    draw = rng.random()
    if draw < (0.40 if style == "3d" else 0.02):
        return subject
    if draw < 0.8:
        return rng.choice(STYLE_FRONT[style]).format(subject)
    return subject + rng.choice(STYLE_BACK[style])


def say_background(text: str, colour: str, rng: random.Random) -> str:
    """White often goes without saying, a colour hardly ever does."""
    if rng.random() < (0.75 if colour == "white" else 0.02):
        return text
    return text + rng.choice((BACKGROUND[0], *BACKGROUND)).format(colour)


def write_caption(motifs: tuple[Motif, ...], style: str, colour: str, rng: random.Random) -> str:
    """What a person might type to get this picture."""
    subject = rng.choice((" and ", " and ", " next to ")).join(say_motif(motif, rng) for motif in motifs)
    return say_background(say_style(subject, style, rng), colour, rng)
