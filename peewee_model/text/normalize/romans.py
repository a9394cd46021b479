"""Reads Roman numerals: Henry VIII, World War II, Chapter IV."""

import re

from peewee_model.text.normalize.grammar import DETERMINERS
from peewee_model.text.normalize.number_words import cardinal, ordinal
from peewee_model.text.normalize.sentence import Reading, Sentence
from peewee_model.text.normalize.word_lists import words

_NUMERAL = re.compile(
    r"(?=[IVXLCDM])(M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))('s)?(?![A-Za-z'0-9&/@+]|-[A-Za-z]|\.[A-Za-z])"
)
_VERB_OF_I = re.compile(
    r" (?:am|have|had|will|would|think|thought|know|knew|do|did|don't|didn't|can|could|saw|see|want|love|like|must|"
    r"should|met|read|wrote)\b"
)
_PERSON_BEFORE = re.compile(r"([A-Z][a-z]+) (?:[A-Z]\. )?[A-Z][a-z'-]+,? $")
_NUMERAL_BEFORE = re.compile(r"[IVX]{1,4}(?:,| and| or| to|-|–) ?$|[IVX]{1,4}, (?:and|or) $")
_SURE = re.compile("I{2,3}|IV|VI{1,3}|IX|XI{1,3}|XI?V|XVI{0,3}|XI?X|XXI{0,3}|MM[IVXL]*|MCM[IVXLC]*")
_JOINTS = words("and or to")
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}

_COUNTED = words(
    """
    war chapter chapters act acts scene scenes part parts volume volumes vol book books phase phases type types
    class stage level title article articles section sections appendix figure fig table episode bowl season mark mk
    step grade rocky vatican apollo gemini saturn schedule tier category division division track plate canto psalm
    lesson unit note clause module exhibit annex form group generation gen world ii fantasy theft quest wars trek
    dragon potter terminator godfather alien rambo predator halo diablo warcraft starcraft civilization
    streetfighter fighter kombat park hawk schwarzenegger symphony sonata concerto opus op movement quartet no
    factor region zone sector corps ring cycle round game games olympiad congress council page pages line verse ch
    chap ch. sec pt and or to mod experiment trial theorem lemma proposition chiefs titan discovery soyuz voyager
    pioneer viking explorer mariner atlas
    """
)
_RULERS = words(
    """
    king queen pope emperor empress tsar czar kaiser prince princess duke sultan pharaoh saint shah henry louis
    charles edward george james john richard william elizabeth mary catherine frederick philip peter paul pius
    benedict gregory leo innocent clement alexander nicholas napoleon ivan ferdinand francis joseph leopold
    maximilian otto rudolf sigismund wilhelm albert alfonso alphonse carlos felipe juan umberto victor emmanuel
    christian gustav gustavus adolf adolphus harald haakon olaf oscar eric erik margrethe margaret anne anna
    isabella matilda robert david malcolm constantine justinian theodosius ramses rameses ramesses thutmose
    amenhotep seti cleopatra ptolemy darius xerxes cyrus artaxerxes mithridates antiochus seleucus attalus urban
    boniface celestine callixtus julius sixtus adrian hadrian stephen eugene martin honorius lucius pascal paschal
    gelasius mehmed murad selim suleiman abdul bayezid menelik selassie bhumibol rama kamehameha akbar jahan pedro
    manuel afonso sancho ramon casimir wladyslaw sigismund stanislaus augustus bela andrew ladislaus matthias
    vladislaus wenceslaus boleslaw mieszko conrad lothair baldwin godfrey amalric tancred roger humphrey hugh thomas
    arthur walter samuel jacob abraham harold edmund ethelred edwin oswald kenneth duncan donald macbeth alexios
    alexius manuel andronikos michael basil romanus leopold amadeus vittorio emanuele farouk fuad hussein abdullah
    hassan mohammed muhammad faisal idris rainier hans adam franz jean jacques albrecht ernst ludwig maria theresa
    christina ulrika beatrix juliana wilhelmina elisabeth joan jane caroline charlotte patrick daniel edgar howard
    jonathan loudon thurston davis marcus lionel winston griffin hank sammy
    """
)

_GIVEN = _RULERS | words(
    """
    tom tim jim jack bill bob ben sam dan matt mike mark luke josh ted ken ron don ray roy carl earl gene glenn hal
    hugh ian ike ira jay jeff jerry jesse joe joel joshua justin karl keith ken kevin kurt kyle lance larry lee leon
    lloyd lou luther mason max miles mitchell nathan neal neil nick noah norman owen percy preston ralph randall
    raymond rick rodney roland ross russell ryan scott sean seth shawn sidney stanley stuart terrence theodore
    timothy todd tony travis trevor troy tyler vernon vincent wade wallace warren wayne wesley wyatt zachary alan
    allen alvin andy archie art austin barry brad brandon brent brian bruce bryan calvin cameron chad charlie chris
    clarence clark clayton clifford clint cole colin cory craig curtis dale dean dennis derek dexter doug dwight
    dylan eddie elliott ernest evan floyd forrest frank fred garrett gary gerald gilbert gordon graham grant greg
    harrison harry harvey henry herbert homer
    """
)


def read_roman(sentence: Sentence, start: int) -> Reading | None:
    """Read a Roman numeral after a name or a noun that is counted; other capitals are initials."""
    match = _NUMERAL.match(sentence.text, start)
    if not match or not match[1] or sentence.shouted:
        return None
    numeral, end = match[1], match.end()
    number, ending = str(_value(numeral)), match[2] or ""
    if sentence.ahead(end).lower().lstrip(" ").startswith("century"):
        return Reading(ordinal(number), end)
    if _is_rank(sentence, start, end, numeral):
        the = "" if sentence.behind(start).endswith("the ") else "the "
        return Reading(the + ordinal(number) + ending, end)
    return Reading(cardinal(number) + ending, end) if _is_count(sentence, start, end, numeral) else None


def _is_rank(sentence: Sentence, start: int, end: int, numeral: str) -> bool:
    """Whether a numeral is read as "the eighth": after a ruler's name, or a person's."""
    written = sentence.written_before(start)
    if written.lower() in _RULERS and written[:1].isupper() and _may_be(numeral, sentence, end):
        return not (numeral == "X" and written == "Malcolm")
    person = _PERSON_BEFORE.search(sentence.behind(start))
    return bool(person and person[1].lower() in _GIVEN and numeral in ("II", "III", "IV", "V", "VI"))


def _is_count(sentence: Sentence, start: int, end: int, numeral: str) -> bool:
    """Whether a numeral is read as a number: Chapter IV, Parts I and II, Rocky III."""
    written = sentence.written_before(start)
    before = written.lower()
    if (
        before in _COUNTED
        and (len(numeral) > 1 or (numeral in "IVX" and before != "mark"))
        and before not in ("and", "or", "to")
    ):
        return numeral != "I" or (sentence.text[start - 1 : start] in " -" and not _VERB_OF_I.match(sentence.text, end))
    if before in _JOINTS | set(",-–") and _NUMERAL_BEFORE.search(sentence.behind(start)):
        return len(numeral) > 1 or numeral in "VX"
    if before in DETERMINERS or len(numeral) == 1:
        return False
    after_name = written[:1].isupper() and len(written) > 1 and not written.isupper()
    return (after_name and set(numeral) <= set("IVX")) or bool(_SURE.fullmatch(numeral))


def _value(numeral: str) -> int:
    values = [_VALUES[letter] for letter in numeral]
    return sum(
        -value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)
    )


def _may_be(numeral: str, sentence: Sentence, end: int) -> bool:
    """Whether a numeral after a name is one: in "said Mary I think" it is not."""
    if numeral in ("C", "D", "L", "M", "CD", "MD", "DC", "MC", "DM", "MM", "CC"):
        return False
    if numeral != "I":
        return True
    return not _VERB_OF_I.match(sentence.text, end)
