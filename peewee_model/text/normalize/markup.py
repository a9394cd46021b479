"""Removes what formats a written text and is not read: Markdown, list marks, emoticons."""

import re

_FENCE = re.compile(r"(?m)^ {0,3}(?:`{3,}|~{3,})[\w+-]*[ \t]*$")
_RULE = re.compile(r"(?m)^ {0,3}(?:(?:- ?){3,}|(?:\* ?){3,}|(?:_ ?){3,}|={3,})[ \t]*$")
_HEADING = re.compile(r"(?m)^ {0,3}#{1,6} +(.*?)(?: +#+)?[ \t]*$")
_BULLET = re.compile(r"(?m)^[ \t]*(?:[-*+•‣▪●○◦–—·][ \t]+)(?!\d)(?:\[[ xX]?\][ \t]*)?")
_TASK = re.compile(r"(?m)^[ \t]*\[[ xX]\][ \t]+")
_NUMBERED = re.compile(r"(?m)^[ \t]*(\d{1,3})[.)][ \t]+(?=[A-Z])")
_QUOTED = re.compile(r"(?m)^[ \t]*(?:> ?)+(?=\S)")
_LINK = re.compile(r"!?\[([^\[\]\n]{1,300})\](?:\([^()\s]{1,300}(?: \"[^\"\n]{0,100}\")?\)|\[[^\[\]\n]{0,100}\])")
_ANGLE_LINK = re.compile(r"<((?:https?://|mailto:)?[\w.+-]{1,64}[@.:/][^<>\s]{1,300})>")
_TAG = re.compile(r"</?(?:[bius]|em|strong|code|p|br|sup|sub|mark|span|div|del|ins|h\d)(?: [^<>\n]{0,200})?/?>")
_ENTITY = re.compile(r"&(amp|lt|gt|quot|nbsp|#39|apos|mdash|ndash|hellip);")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "nbsp": " ", "#39": "'", "apos": "'", "mdash": "—",
             "ndash": "–", "hellip": "…"}  # fmt: skip
_CODE = re.compile(r"(?<!`)(`{1,3})(?!`)([^`\n]{1,300})(?<!`)\1(?!`)")
_EMPHASIS = re.compile(r"(?<![\w*\\])(\*{1,3})(?=[^\s*])([^*\n]{1,300})(?<=[^\s*])\1(?![\w*])")
_UNDERLINE = re.compile(r"(?<![\w_\\/.@])(_{1,3})(?=[^\s_])([^_\n]{1,300})(?<=[^\s_])\1(?![\w_])")
_STRUCK = re.compile(r"~~(?=\S)([^~\n]{1,300})(?<=\S)~~")
_ESCAPE = re.compile(r"\\([*_`#\[\]()~>+.!-])(?!\w)")
_EMOTICON = re.compile(r"(?<![\w:;=.,)(])(?:>?[:;][-'^o]?[()\[\]DPpOo|*/]|=[()]|[xX]D+|\^_\^|\^\^|-_-)(?=[\s.,!?]|$)")
_BLOCKS = re.compile(r"\n[ \t]*\n\s*")


def plain_paragraphs(text: str) -> list[str]:
    """Remove the marks of Markdown and split a text at headings, list items and empty lines."""
    if not text.isalnum():
        text = _strip_lines(text.replace("\r\n", "\n"))
        text = _strip_spans(text)
    return [paragraph for paragraph in _BLOCKS.split(text) if paragraph.strip()]


def _strip_lines(text: str) -> str:
    if "\n" in text:
        text = _FENCE.sub("\n", text)
    text = _RULE.sub("\n", text)
    if "#" in text:
        text = _HEADING.sub("\n\n\\1\n\n", text)
    text = _QUOTED.sub("", text) if ">" in text else text
    text = _BULLET.sub("\n\n", text)
    text = _TASK.sub("\n\n", text) if "[" in text else text
    return _NUMBERED.sub("\n\n\\1, ", text)


def _strip_spans(text: str) -> str:
    if "]" in text:
        text = _LINK.sub(r"\1", text)
    if ">" in text:
        text = _TAG.sub("", _ANGLE_LINK.sub(r"\1", text))
    if "&" in text:
        text = _ENTITY.sub(lambda match: _ENTITIES[match[1]], text)
    if "`" in text:
        text = _CODE.sub(r"\2", text)
    if "*" in text:
        text = _EMPHASIS.sub(r"\2", _EMPHASIS.sub(r"\2", text))
    if "_" in text:
        text = _UNDERLINE.sub(r"\2", text)
    if "~~" in text:
        text = _STRUCK.sub(r"\1", text)
    if "\\" in text:
        text = _ESCAPE.sub(r"\1", text)
    return _EMOTICON.sub(" ", text)
