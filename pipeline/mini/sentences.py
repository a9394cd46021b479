"""The texts of the mini corpus: short sentences of common words, so that a few minutes of speech contain each word
often. The lists and sentences were written for this project.
"""

import hashlib
from collections.abc import Iterator


def _list(text: str) -> list[str]:
    return [" ".join(item.split()) for item in text.split(",")]


PEOPLE = _list("""
    Anna, Tom, Mary, Ben, Emma, Peter, Sarah, Jack, my sister, my brother, our teacher, the farmer, the old man, the
    young girl, the captain, the doctor, her friend, his mother, the painter, the children""")
ANIMALS = _list("""
    the dog, the cat, the horse, the bird, the little mouse, the black goat, the brown bear, the sheep, the fox, the
    duck""")
DID_TO_THING = _list("""
    found, carried, bought, lost, painted, washed, sold, opened, moved, wanted, dropped, kept, liked, saw, took""")
ADJECTIVES = _list("red, blue, green, small, big, old, new, heavy, yellow, clean, white, round")
THINGS = _list("""
    box, basket, chair, boat, hat, lamp, book, bottle, clock, table, bag, cup, coat, bell, picture, wheel""")
WENT = _list("walked, ran, came, drove, went, rode, hurried, turned")
TO_PLACES = _list("""
    to the river, to the market, to the station, to the garden, to the school, across the bridge, down the street,
    over the hill, through the forest, into the house, along the beach, back to the village""")
AT_PLACES = _list("""
    in the kitchen, near the window, under the tree, by the lake, on the table, behind the door, in the garden, at
    the station, beside the road, on the roof, next to the river, in the yellow house""")
TIMES = _list("""
    in the morning, after dinner, before the rain, last night, every day, at noon, in the summer, on Sunday, this
    evening, all winter, a week ago, on Monday""")
RESTED = _list("slept, waited, sat, played, stood, worked, sang, hid, stayed")
FOODS = _list("bread, cake, rice, soup, fruit, butter, milk, apples, beans, honey")
ATE = _list("ate, cooked, made, shared, brought, tasted, ordered")
WEATHER = _list("the rain, the wind, the snow, the sun, the storm, the fog")
BECAME = _list("cold, warm, quiet, dark, strong, wet, bright, empty, soft, late")
PLACES = _list("""
    the river, the street, the kitchen, the village, the forest, the market, the school, the water, the sky, the
    room, the station, the garden""")

TEMPLATES = (
    ("{people} {did} the {adjective} {thing}.", 60),
    ("{people} {did} a {adjective} {thing} {time}.", 55),
    ("{people} {went} {to_place}.", 45),
    ("{people} {went} {to_place} {time}.", 40),
    ("{animal} {rested} {at_place}.", 45),
    ("{animal} {went} {to_place} {time}.", 25),
    ("{people} {rested} {at_place} {time}.", 30),
    ("{people} {ate} {food} and {food2}.", 30),
    ("{people} {ate} the {food} {at_place}.", 25),
    ("The {thing} {at_place} is {adjective}.", 30),
    ("{place} was {became} {time}.", 30),
    ("When {weather} came, {place} was {became}.", 20),
    ("Did {people} {did_base} the {thing}?", 20),
    ("Where is the {adjective} {thing}?", 12),
    ("There is a {thing} {at_place}.", 25),
)
"""Each template with the number of sentences that are drawn from it."""

BASE = _list("find, carry, buy, lose, paint, wash, sell, open, move, want, drop, keep, like, see, take")

WRITTEN = """\
Please open the window before you go.
The train to the city leaves at noon.
I think the answer is in this book.
We will meet our friends at the market.
She gave her brother a warm coat.
He told us a long story after dinner.
Nobody could open the heavy door.
The boat moved slowly down the river.
Put the bread and the butter on the table.
My mother planted beans in the garden.
They walked home through the rain.
A cold wind came over the hill.
You can see the sea from the roof.
The children played under the tree all day.
Keep the milk in a cold place.
Have you seen my yellow hat?
It is too late to go to the station.
What did the captain say to the farmer?
I will be back in the morning.
The clock on the wall is slow.
Every bird in the forest was quiet.
Do you want some fruit or some cake?
The old bridge was wet and dark.
Turn left at the end of the street.
She sang a song about the summer.
His father made a table for the kitchen.
The lamp by the window was very bright.
We had soup and rice at the beach.
The horse stood still beside the road.
Can you carry this basket for me?
The snow was white and soft.
I never saw a bear in this forest.
Take the second road after the school.
Her voice was low and clear.
It was a good day for a long walk.
The doctor waited near the door.
Bring me the green cup, please.
They sold their house by the lake.
Some people like the winter best.
The fox ran across the field at night.
Thank you for the apples and the honey.
All the boats came home before the storm.
The teacher wrote our names in a book.
I can hear the bell from here.
There was no water in the bottle.
Sit down and eat your dinner.
The sun was warm on the water.
The cat slept on a pile of coats.
Let us go over the hill and look.
The little girl lost her red bag.""".splitlines()

ABBREVIATED = (
    ("Mr. Smith has 21 cats.", "Mister Smith has twenty one cats."),
    ("Dr. Brown came at 10:30.", "Doctor Brown came at ten thirty."),
    ("The coat is $15.", "The coat is fifteen dollars."),
    ("Mrs. Green sold 3 boats.", "Missus Green sold three boats."),
    ("It was built in 1998.", "It was built in nineteen ninety eight."),
    ("This is the 2nd basket.", "This is the second basket."),
    ("About 50% of the bread is gone.", "About fifty percent of the bread is gone."),
    ("The bag weighs 12 kg.", "The bag weighs twelve kilograms."),
    ("We walked 7 km on Sunday.", "We walked seven kilometers on Sunday."),
    ("Anna paid £2.50 for the cake.", "Anna paid two pounds and fifty pence for the cake."),
    ("The train leaves at 3 pm.", "The train leaves at three p m."),
    ("Mr. & Mrs. White live by the lake.", "Mister and Missus White live by the lake."),
    ("They met on May 3rd.", "They met on May third."),
    ("The table is 1.5 m long.", "The table is one point five meters long."),
    ("There were 1,200 people in the street.", "There were one thousand two hundred people in the street."),
    ("Read page 45 of the book.", "Read page forty five of the book."),
)
"""Sentences as written, and as spoken."""

HELD_OUT = """\
The farmer carried a heavy bag to the market.
My sister found the blue cup under the table.
The dog waited by the door all night.
We drove to the beach in the morning.
The children ate bread and honey.
Peter painted a picture of the lake.
The station was quiet after the storm.
Is there a clock in the kitchen?
The old horse came slowly over the hill.
She took a small lamp into the forest.
The captain sang to the children on Sunday.
There is a white bird on the roof.
Ben bought apples at the station.
The garden was quiet before the rain.
His mother kept the new bell in a box.
Turn back at the bridge, please.
The fox hid behind the yellow house.
Emma dropped the bottle near the window.
The doctor had soup and rice at noon.
I like the round table best.
The wind was strong by the river.
A green boat stood beside the road.
Jack ran down the street after dinner.
Our teacher lost her hat last night.""".splitlines()
"""Only the held-out voices read these. Their words are in training sentences too, the sentences are not."""

Sentence = tuple[str, str]
"""As written, as spoken."""


def held_out_sentences() -> list[Sentence]:
    """Return the sentences that no voice of the training subset reads."""
    return [(text, text) for text in HELD_OUT]


def training_sentences() -> list[Sentence]:
    """Return the sentences of the training subset, each once, in an order that depends on this file alone."""
    plain = dict.fromkeys([*WRITTEN, *_drawn()])
    for text in HELD_OUT:
        plain.pop(text, None)
    sentences = [*ABBREVIATED, *((text, text) for text in plain)]
    return sorted(sentences, key=lambda sentence: number(sentence[0], 1 << 62))


def number(key: str, limit: int) -> int:
    """Draw a number from 0 to limit - 1 that depends on the key alone, for any version of Python."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % limit


def _drawn() -> Iterator[str]:
    for template, count in TEMPLATES:
        for index in range(count):
            yield _fill(template, f"{template}{index}")


def _fill(template: str, key: str) -> str:
    def draw(name: str, words: list[str], position: int = 0) -> str:
        return words[(number(key + name, len(words)) + position) % len(words)]

    text = template.format(
        people=draw("people", PEOPLE), animal=draw("animal", ANIMALS), did=draw("did", DID_TO_THING),
        did_base=draw("did", BASE), adjective=draw("adjective", ADJECTIVES), thing=draw("thing", THINGS),
        went=draw("went", WENT), to_place=draw("to", TO_PLACES), at_place=draw("at", AT_PLACES),
        time=draw("time", TIMES), rested=draw("rested", RESTED), food=draw("food", FOODS), food2=draw("food", FOODS, 3),
        ate=draw("ate", ATE),
        weather=draw("weather", WEATHER), became=draw("became", BECAME), place=draw("place", PLACES),
    )  # fmt: skip
    text = text.replace(" a old", " an old")
    return text[0].upper() + text[1:]
