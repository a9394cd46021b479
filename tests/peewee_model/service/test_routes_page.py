"""The page's files, as a browser receives them."""

import re
from fnmatch import fnmatch
from itertools import pairwise

import pytest

from peewee_model.service.keys import new_key
from peewee_model.service.routes_page import PATHS
from tests.closure import ROOT
from tests.peewee_model.service.running import served

FOLDER = ROOT / "peewee_model/service/page"


def test_page_and_its_files_need_no_key_and_everything_else_does(tmp_path):
    """A person gives the key on the page."""
    new_key(tmp_path / "keys", "anna")
    with served(tmp_path / "voices", keys=tmp_path / "keys") as server, server.http() as http:
        for path in PATHS:
            assert http.get(path).status_code == 200, path
            assert http.post(path).status_code == 405, path
        for path in ("/v1/audio/voices", "/v1/audio/voices/kathleen/likeness", "/page", "/page/", "/page/other.js"):
            assert http.get(path).status_code == 401, path


def test_page_forbids_scripts_and_connections_of_others(server):
    """The policy allows what this server sends, and nothing written into the page."""
    for path in PATHS:
        headers = server.http().get(path).headers
        policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert {policy[name] for name in ("script-src", "style-src", "connect-src", "img-src")} == {"'self'"}
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_page_names_no_other_site_and_only_files_that_there_are(server):
    """Nothing is loaded from elsewhere: it works without the internet."""
    named = set()
    for path in FOLDER.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(https?:)?//[a-z]+\.", text), path
        named |= {f"/page/{name}" for name in re.findall(r'"(?:page|\.)/([\w.]+)"', text)}
    assert named == set(PATHS) - {"/"}
    types = {path.rpartition(".")[2]: server.http().get(path).headers["content-type"] for path in named}
    assert types == {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}


def test_wheel_holds_the_page():
    """All its files are package data."""
    patterns = re.search(r'"peewee_model\.service" = \[(.*)\]', (ROOT / "pyproject.toml").read_text())[1]
    assert all(fnmatch(f"page/{path.name}", patterns.strip('"')) for path in FOLDER.iterdir())


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast(theme):
    """WCAG's 4.5 to 1, for each colour of text on what it is written on."""
    blocks = re.findall(r":root \{(.*?)\}", (FOLDER / "page.css").read_text(), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): #([0-9a-f]{6})", blocks[theme]))
    pairs = [
        ("ink", "card"), ("ink", "ground"), ("ink", "notice"), ("quiet", "card"), ("quiet", "ground"),
        ("quiet", "soft"), ("on-accent", "accent"), ("accent", "accent-soft"), ("danger", "danger-soft"),
        ("ink", "danger-soft"),
    ]  # fmt: skip
    for text, ground in pairs:
        low, high = sorted(_luminance(colours[name]) for name in (text, ground))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


def _luminance(colour):
    channels = [int(colour[at:end], 16) / 255 for at, end in pairwise((0, 2, 4, 6))]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
