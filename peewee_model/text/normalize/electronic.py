"""Reads what computers write: URLs, e-mail addresses, file names, paths, tags, and names in code."""

import re

from peewee_model.text.normalize.identifiers import say_name_number
from peewee_model.text.normalize.letters import is_syllable, is_word, spell
from peewee_model.text.normalize.number_words import digits, year
from peewee_model.text.normalize.sentence import Reading, Sentence
from peewee_model.text.normalize.word_lists import SAID_LIKE, SPELLED_MIXED, WORDS, words

_TOP_DOMAINS = (
    "com|org|net|edu|gov|mil|int|io|ai|co|uk|us|de|eu|fr|it|es|nl|ch|at|be|se|no|dk|fi|pl|pt|ie|ca|au|nz|jp|cn|in|br|mx|za|ru|info|dev|app|me|tv|fm|"
    "biz|xyz|online|shop|store|blog|news|tech|cloud|site|museum|name|gg|ly|to|gl|cc|wiki|club|live|life|world|art|design|agency|academy|health|page"
)
_WORD_DOMAINS = words(
    """
    com org net edu gov mil info dev app biz online shop store blog news tech cloud site museum name wiki club live
    life world art design agency academy health page co me int
    """
)
_LABEL = r"[A-Za-z\d](?:[A-Za-z\d-]{0,61}[A-Za-z\d])?"
_PATH = r"(?:[/?#][\w/.?=&#%+:~@!,;-]*)?"
_URL = re.compile(
    rf"(?:https?://|ftp://)(?:{_LABEL}\.){{0,8}}{_LABEL}(?::\d{{1,5}})?{_PATH}|(?:{_LABEL}\.){{1,8}}(?:{_TOP_DOMAINS})(?::\d{{2,5}})?(?![\w@-]|\.\w){_PATH}|localhost:\d{{2,5}}{_PATH}"
)
_EMAIL = re.compile(r"(?:mailto:)?[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_EXTENSIONS = (
    "txt|md|pdf|docx?|xlsx?|pptx?|csv|tsv|json|ya?ml|xml|html?|css|js|ts|jsx|tsx|py|ipynb|rb|rs|go|java|c|h|cpp|hpp|cs|swift|kt|php|sh|bat|ps1|sql|db|"
    "log|ini|cfg|conf|toml|env|lock|jpe?g|png|gif|bmp|svg|webp|tiff?|heic|ico|psd|mp3|mp4|wav|flac|ogg|m4a|aac|avi|mov|mkv|webm|zip|tar|gz|tgz|bz2|xz|rar|7z|"
    "exe|dll|dmg|iso|apk|msi|deb|rpm|jar|bin|dat|bak|tmp|rtf|epub|odt|ods|key|pages|ttf|otf|tex|bib|srt|ics|vcf|eml|vue|scss|lua|pl|r|m|net"
)
_FILE = re.compile(rf"(?:[A-Za-z\d_](?:[\w-]|\.(?=\w)){{0,80}})?\.(?:{_EXTENSIONS})(?![\w@]|\.\w|-\w)", re.IGNORECASE)
_SAID_EXTENSIONS = words(
    """
    doc bat zip bin tar log jar iso env lock conf key pages java swift go dat ico tech net vue json gif toml yaml
    bib webp flac docs tex ruby dot wave ping tiff tif heic node lib
    """
)  # fmt: skip
_UNIX_PATH = re.compile(r"(?:~|\.{1,2})?/(?:[\w.@+-]+/?)+|~/")
_WINDOWS_PATH = re.compile(r"([A-Za-z]):\\([\w .\\-]*[\w\\])?|\\\\[\w\\.-]+")
_HASHTAG = re.compile(r"#([A-Za-z_]\w*|\d+[A-Za-z_]\w*)")
_HANDLE = re.compile(r"@(\w(?:[\w.-]*\w)?)")
_SNAKE = re.compile(r"[A-Za-z\d]{0,40}_\w*")
_CAMEL = re.compile(r"[a-z]{1,40}(?:[A-Z][a-z\d]{0,40}){1,12}(?![\w'])|(?:[A-Z][a-z\d]{1,40}){2,12}(?![\w'])")
_CALL = re.compile(r"([A-Za-z_][\w.]{0,60})\(\)")
_FLAG = re.compile(r"(--?)([A-Za-z][\w-]*)(?=[\s,.=)\"']|$)")
_PIECE = re.compile(r"[A-Z]{2,}(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^A-Za-z\d\s]")
_MARKS = {
    ".": "dot", "/": "slash", "@": "at", "-": "dash", "_": "underscore", ":": "colon", "?": "question mark",
    "=": "equals", "&": "and", "#": "hash", "%": "percent", "+": "plus", "~": "tilde", "\\": "backslash", ",": "comma",
    "!": "exclamation mark", ";": "semicolon", "*": "star",
}  # fmt: skip
_SCHEME = re.compile("^(?:https?|ftp)://")
_NO_URL = re.compile(r"(?:[A-Z]\.)+[A-Za-z]{1,2}|\d[\d.]*")
_NO_FILE = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]|\d+\.[A-Za-z]")
_NO_CAMELS = SPELLED_MIXED.union(SAID_LIKE)
_ADDRESS_SIGNS = frozenset(".:")


def read_address(sentence: Sentence, start: int) -> Reading | None:
    """Read an e-mail address, a URL or a file name."""
    text = sentence.text
    if start and (text[start - 1] == "." or text[start - 1].isalnum()):
        return None  # it would have begun before
    if "@" in sentence.signs and (match := _EMAIL.match(text, start)):
        return Reading(
            _say(match[0].removeprefix("mailto:").rstrip(".")), match.end() - len(match[0]) + len(match[0].rstrip("."))
        )
    if not sentence.signs & _ADDRESS_SIGNS:
        return None
    if match := _URL.match(text, start):
        written = match[0].rstrip(".,:;?!")
        is_file = "/" not in written and _FILE.match(written) and not written.lower().endswith((".net", ".com"))
        if not is_file and not _NO_URL.fullmatch(written):
            said = _say(_SCHEME.sub("", written).rstrip("/"), is_url=True)
            return Reading(said, start + len(written))
    if (match := _FILE.match(text, start)) and not _NO_FILE.fullmatch(match[0]):
        return Reading(_say_file(match[0]), match.end())
    return None


def read_path(sentence: Sentence, start: int) -> Reading | None:
    r"""Read /var/log, ~/notes and D:\Data."""
    text = sentence.text
    if "\\" in sentence.signs and (match := _WINDOWS_PATH.match(text, start)):
        return Reading(_say(match[0].rstrip(" ")), match.end())
    if (
        text[start] in "/~."
        and (start == 0 or text[start - 1] in " (\"'=")
        and (match := _UNIX_PATH.match(text, start))
    ):
        written = match[0].rstrip(".")
        if any(character.isalnum() for character in written) or written == "~/":
            trimmed = written.rstrip("/") if len(written) > 2 else written
            return Reading(_say_path(trimmed), start + len(written))
    return None


def read_tag(sentence: Sentence, start: int) -> Reading | None:
    """Read #GoTeam and @ben."""
    text = sentence.text
    if match := _HASHTAG.match(text, start):
        return Reading(f"hashtag {_say_name(match[1])}", match.end())
    if (match := _HANDLE.match(text, start)) and (start == 0 or not text[start - 1].isalnum()):
        return Reading(f"at {_say(match[1])}", match.end())
    return None


def read_code_name(sentence: Sentence, start: int) -> Reading | None:
    """Read snake_case, camelCase, main() and --verbose."""
    text = sentence.text
    if match := _CALL.match(text, start):
        return Reading(_say(match[1]), match.end())
    if (match := _FLAG.match(text, start)) and (start == 0 or text[start - 1] in " (\"'"):
        dashes = "dash dash" if len(match[1]) == 2 else "dash"
        return Reading(f"{dashes} {_say(match[2])}", match.end())
    if match := _SNAKE.match(text, start):
        return Reading(_say(match[0]), match.end()) if re.search("[A-Za-z0-9]", match[0]) else None
    if match := _CAMEL.match(text, start):
        return _camel(match)
    return None


def _camel(match: re.Match[str]) -> Reading | None:
    parts = re.findall("[A-Z]?[a-z]+|[A-Z]+|\\d+", match[0])
    if (
        parts[0].lower() in ("mc", "mac", "de", "la", "le", "van", "o", "fitz", "di", "du")
        or match[0].removesuffix("s") in _NO_CAMELS
        or len(parts[0]) < 2
    ):
        return None
    return Reading(_say_name(match[0]), match.end())


def _say(written: str, is_url: bool = False) -> str:
    """Say an address piece by piece: words as words, marks by their names."""
    said = []
    labels = re.split(r"([^A-Za-z\d])", written)
    in_domain = is_url
    for place, label in enumerate(labels):
        in_domain |= label == "@"
        if not label:
            continue
        if not label.isalnum():
            said.append(_MARKS.get(label, ""))
        elif is_url and label.lower() == "www":
            said.append("W W W")
        elif place and labels[place - 1] == "." and label.islower() and in_domain:
            said.append(label if label in _WORD_DOMAINS or (is_word(label) and len(label) > 3) else spell(label))
        else:
            said.append(_say_name(label))
    return " ".join(part for part in said if part)


def _say_name(name: str) -> str:
    said = []
    for piece in _PIECE.findall(name):
        if piece.isdigit():
            said.append(
                year(piece)
                if len(piece) == 4 and "1100" <= piece <= "2099"
                else digits(piece, "oh")
                if piece[0] == "0"
                else say_name_number(piece)
            )
        elif not piece.isalpha():
            said.append(_MARKS.get(piece, ""))
        elif piece.isupper() and len(piece) > 1:
            said.append(
                piece.lower() if is_word(piece) and (len(piece) > 3 or piece.lower() in WORDS) else spell(piece)
            )
        else:
            readable = is_word(piece) or is_syllable(piece) or (len(piece) > 3 and re.search("[aeiouyAEIOUY]", piece))
            said.append(piece.lower() if readable else spell(piece))
    return " ".join(said)


def _say_file(written: str) -> str:
    stem, _, extension = written.rpartition(".")
    plain = extension.lower()
    if plain in _SAID_EXTENSIONS:
        said = plain
    else:
        said = " ".join(
            say_name_number(part) if part.isdigit() else spell(part.upper())
            for part in re.findall(r"[A-Za-z]+|\d+", plain)
        )
    name = stem.lower() if stem.isupper() and len(stem) > 3 and is_word(stem) else _say(stem)
    return f"{name} dot {said}".strip()


def _say_path(written: str) -> str:
    head, slash, last = written.rpartition("/")
    if slash and _FILE.fullmatch(last) and not last.startswith("."):
        return f"{_say(head + slash)} {_say_file(last)}"
    return _say(written)
