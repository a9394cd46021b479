"""What the words beside a number say about it: whether it counts, or describes a noun."""

from peewee_model.text.normalize.word_lists import words

DETERMINERS = words(
    """
    a an the this that each every one my his her our their your its another any no some per new old single whole
    full extra first last second third big tiny huge small
    """
)

NO_NOUNS = words(
    """
    a about above across after again against ago all along already also am an and any apart are around as at away
    back be because been before behind below beside between but by can closed comes cost costs could daily did do
    does down during each either else even ever every extra fell first for from further gets goes had has have he
    her here higher him his how i if in into is it its just last late later least left less like longer lower made
    make makes may me might more most much must my near nearly next no nor not now of off on once only opens or
    others our out outside over past per plus really right rose runs said same saved shall she should since so some
    soon still such than that the their them then there these they this those though through till to today together
    tomorrow tonight too total toward towards twice under until up upon us very via was we were what when where
    which while who will with within without worth would yearly yesterday yet you your annually monthly weekly total
    sharp exactly straight inside alone apiece apart flat please is's
    """
)
"""Words that no noun is."""

ADJECTIVES = words(
    """
    long wide deep high tall thick old away square large broad big heavy north south east west northeast northwest
    southeast southwest short good better worse faster slower warmer colder cooler hotter cheaper lighter heavier
    taller shorter shy sharp tops max
    """
)
"""They follow a measure: three meters high."""

_IRREGULAR = words(
    """
    people men women children feet teeth mice geese sheep fish cattle police folks deer oxen data staff troops
    """
)
_NO_PLURALS = words(
    """
    is was has does this us its as less plus across towards always yes perhaps whereas besides unless thus minus
    versus gas bus business glass class grass press mass loss boss cross address congress progress access success
    census virus focus bonus campus lens news series analysis basis crisis christmas olympics mustang politics
    physics atlas says goes comes runs makes gets takes wins ends begins starts shows sees lists marks saw needs
    wants sits lies stands opens closes hits leaves
    """
)


def is_plural_noun(word: str) -> bool:
    """Whether a word looks like a noun in the plural."""
    return word in _IRREGULAR or (
        word.islower() and len(word) > 2 and word[-1] == "s" and word[-2] not in "s'" and word not in _NO_PLURALS
    )


def describes_noun(before: str, following: str, adjacent: bool = True) -> bool:
    """Whether a measure between these words describes the second: a ten dollar bill."""
    return (
        adjacent
        and before in DETERMINERS
        and following.islower()
        and following not in NO_NOUNS
        and following not in ADJECTIVES
        and not following.endswith(("ed", "ly"))
    )
