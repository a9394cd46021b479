"""T28: what people type, paste or have in their environment, and what no reader of a log should get."""

TEXTS = {
    "a byte that is no UTF-8": "f\udcfcr Tester",
    "all bytes that are no UTF-8": "".join(map(chr, range(0xDC80, 0xDD00))),
    "half a character": "smile \ud83d",
    "halves in the wrong order": "\ude00\ud83d",
    "NUL": "a\0b",
    "escape sequence": "\x1b[2Jall is well",
    "title of the terminal": "\x1b]0;owned\x07",
    "bell": "ding\a",
    "backspace": "approved\b\b\b\b\b\b\b\bdenied",
    "delete": "a\x7fb",
    "control sequence of 8 bits": "\x9b31mred",
    "next line of EBCDIC": "one\x85two",
    "file separator": "one\x1ctwo",
    "line separator": "one\u2028two",
    "paragraph separator": "one\u2029two",
    "direction turned": "safe \u202egnp.exe",
    "direction isolated": "\u2066hidden\u2069",
    "byte order mark": "\ufeffreason",
    "space without a width": "rea\u200bson",
    "no character": "end\uffff",
    "private use": "\ue000",
    "invisible tags": "hi\U000e0049\U000e0067",
    "a million characters": "x" * 10**6,
}
"""Each refused as a reason, a publisher's name, a parameter of a plan, an exclusion, ...; none is blank."""

READABLE = (
    "für Tester",
    "Zoë's 3rd try: 50 % → ok?",
    "理由は音質\u3000です",
    "می\u200cخواهم",
    "क्\u200dष",
    "it lisps 🙂 👩\u200d🔬",
    "e\u0301 = é",
    "dix\u00a0%",
)
"""What stays as it is written."""
