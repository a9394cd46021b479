"""A real browser: Debian's Chromium, driven by Playwright."""

import contextlib
import shutil
import time

import pytest

PATIENCE_S = 120
"""Seconds that a test waits; ten times of what is usual."""
MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
"""A microphone that plays a file, and nobody who must allow it."""


@contextlib.contextmanager
def chromium(playwright, *arguments):
    """Run Chromium; without it, the test is skipped."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no Chromium; install it with `apt-get install chromium`")
    browser = playwright.chromium.launch(executable_path=found, args=list(arguments))
    try:
        yield browser
    finally:
        browser.close()


class Page:
    """The page in a tab of its own, with what its console says.

    Args:
        browser: From `chromium`.
        url: Of the server.
        script: Run before the page's own.
        options: Of the tab.
    """

    def __init__(self, browser, url, script="", **options):
        self.tab = browser.new_context(**options).new_page()
        self.tab.set_default_timeout(1000 * PATIENCE_S)
        self.complaints = []
        self.tab.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        if script:
            self.tab.add_init_script(script)
        self.tab.goto(url)

    def panel(self, letter="A"):
        """A panel: its select, its sound and its picture."""
        return self.tab.get_by_role("region", name=f"Voice {letter}", exact=True)

    def chosen(self, letter="A"):
        """The select of a panel's voice."""
        return self.panel(letter).get_by_role("combobox", name="Voice")

    def button(self, name, within=None):
        """A button by its whole name."""
        return (within or self.tab).get_by_role("button", name=name, exact=True)

    def until(self, script, argument=None):
        """Wait until a script is true. Playwright's own waiting evaluates text, which the page's policy forbids."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.tab.evaluate(script, argument):
            assert time.monotonic() < deadline, f"not true after {PATIENCE_S} s: {script}"
            self.tab.wait_for_timeout(30)

    def speak(self, text, letter="A"):
        """Ask for a text."""
        self.tab.get_by_label("Text", exact=True).fill(text)
        self.button("Speak", self.panel(letter)).click()

    def spoken(self, letter="A"):
        """Wait until all of it came; return the words."""
        self.panel(letter).get_by_text("Synthetic speech, marked as such; its first sound came after").wait_for()
        return self.panel(letter).locator(".words").inner_text().split()

    def error(self):
        """Wait for the error's sentence."""
        found = self.tab.get_by_role("alert").locator("p")
        found.wait_for()
        return found.inner_text()

    def voices(self):
        """The names of the voices that are listed."""
        return self.tab.locator("#voices li > span:first-child").all_inner_texts()
