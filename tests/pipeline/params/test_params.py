import pytest

from peewee_model.errors import ConfigError
from pipeline.params.params import Section, read


class Mel(Section):
    hop_length: int


class Wanted(Section):
    mel: Mel


def write(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return path


def test_read_takes_the_sections_that_are_named(tmp_path):
    """Sections of other stages are none of this stage's business."""
    assert read(Wanted, write(tmp_path, "mel: {hop_length: 256}\nother: {a: 1}\n")).mel.hop_length == 256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mel: {hop_length: 256, hop: 1}\n", "mel.hop is unknown; remove it or correct its spelling"),
        ("mel: {}\n", "mel.hop_length is missing; add it"),
        ("other: {}\n", "mel is missing; add it"),
        ("mel: {hop_length: wide}\n", "mel.hop_length is 'wide': input should be a valid integer"),
        ("- 1\n", "expected sections at the top level, found list"),
        ("mel: [\n", "is not valid YAML"),
    ],
)
def test_read_names_the_key_that_is_wrong(tmp_path, text, message):
    """Unknown, missing, of the wrong kind: the message has the file, the key and the remedy."""
    with pytest.raises(ConfigError, match=r"params\.yaml") as error:
        read(Wanted, write(tmp_path, text))
    assert message in str(error.value)


def test_read_says_where_to_stand_when_there_is_no_file(tmp_path):
    """Most often the command was run in another folder."""
    with pytest.raises(ConfigError, match="run from the root"):
        read(Wanted, tmp_path / "params.yaml")


@pytest.mark.parametrize("escape", [r"\uDCFC", r"\0", r"\e[2J", r"\u202E", r"\uFFFF"])
@pytest.mark.parametrize("text", ['mel: {{hop_length: "{}"}}', 'other: {{list: ["a", "{}"]}}', 'other: {{"{}": 1}}'])
def test_text_that_not_everybody_can_read_is_refused(tmp_path, escape, text):
    """T28: a release holds all parameters, and no reader could parse or show it; YAML's escapes can say anything."""
    with pytest.raises(
        ConfigError, match=r"params\.yaml(: .* holds .*; write plain text| .* invalid Unicode)"
    ) as caught:
        read(Wanted, write(tmp_path, text.format(escape)))
    assert str(caught.value).isascii()


def test_text_of_several_lines_is_taken(tmp_path):
    """YAML's blocks are for that."""
    text = "mel: {hop_length: 256}\nother: |\n  für\n\n  alle\n"
    assert read(Wanted, write(tmp_path, text)).mel.hop_length == 256
