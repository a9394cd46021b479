"""Makes docs/images: the page at work, light and dark.

python -m tests.screenshots
"""

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.closure import ROOT
from tests.peewee_model.service.browsing import Page, chromium
from tests.peewee_model.service.running import SAMPLE, served

OUT = ROOT / "docs/images"
TEXT = "The birch canoe slid on the smooth planks. The boat lay in the cold grey light of the morning."


def main():
    """Speak, and take a picture while the voice is in the first sentence."""
    OUT.mkdir(exist_ok=True)
    voices = tuple((path.stem, path) for path in sorted(SAMPLE.parent.glob("*.flac")))
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), own_voices=voices) as server,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        for theme in ("light", "dark"):
            page = Page(browser, server.url, viewport={"width": 1100, "height": 940}, color_scheme=theme)
            page.tab.locator("#voices li").first.wait_for()
            page.speak(TEXT)
            page.spoken()
            sound = page.panel().locator("audio")
            page.tab.locator(".likeness li").first.wait_for()
            page.tab.evaluate("sound => [sound.currentTime, sound.playbackRate] = [1.3, 0.1]", sound.element_handle())
            page.tab.evaluate("sound => sound.play()", sound.element_handle())
            page.until("sound => sound.currentTime > 1.4", sound.element_handle())
            picture = Image.open(io.BytesIO(page.tab.screenshot()))
            picture.quantize(128).save(OUT / f"page-{theme}.png", optimize=True)
            page.tab.context.close()


if __name__ == "__main__":
    assert shutil.which("chromium"), "no Chromium; install it with `apt-get install chromium`"
    main()
