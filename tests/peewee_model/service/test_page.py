"""The page in a real browser: what a person does on it."""

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from peewee_model.service.keys import new_key
from peewee_model.service.settings import Limits
from tests.peewee_model.service.browsing import MICROPHONE, Page, chromium
from tests.peewee_model.service.running import HELLO, LONG, SAMPLE, piece_of, served, wav_samples

pytestmark = pytest.mark.system
VOICES = (("kathleen", SAMPLE), ("unseen-0", SAMPLE.with_name("unseen-0.flac")))
SOUND = "() => document.querySelector('audio')"


@pytest.fixture(scope="module")
def playwright():
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(playwright):
    with chromium(playwright) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    limits = Limits(decode_s=120.0, first_audio_s=120.0)  # a browser beside it, and other tests, make it slow
    with served(tmp_path_factory.mktemp("voices"), own_voices=VOICES, limits=limits) as running:
        yield running


@pytest.fixture
def page(browser, server):
    opened = Page(browser, server.url)
    opened.tab.locator("#voices li").first.wait_for()
    yield opened
    opened.tab.context.close()


def add(page, name, consent, sample):
    """Fill the form in, with files."""
    page.tab.get_by_label("Name").fill(name)
    for title, content in (("the consent", consent), ("the sample", sample)):
        file = {"name": "a.wav", "mimeType": "audio/wav", "buffer": content}
        page.tab.get_by_label(f"Upload {title}").set_input_files(file)
    page.tab.get_by_label("This is my voice").check()
    page.button("Make this voice").click()


def test_page_loads_without_complaints_and_says_that_speech_is_synthetic(page):
    """Neither a fault nor a violation of its own policy."""
    assert page.voices() == ["kathleen", "unseen-0"]
    assert "synthetic" in page.tab.get_by_role("note").inner_text()
    assert page.tab.get_by_text("Release ").is_visible()
    page.speak(HELLO)
    page.spoken()
    assert page.complaints == []


def test_audio_element_plays_while_the_stream_comes(page):
    """The first sentence is heard before the last one is made; a second click begins anew."""
    page.speak(LONG * 8)
    page.button("Speak", page.panel()).click()
    page.until(f"({SOUND})().currentTime > 0.3")
    assert page.button("Stop", page.panel()).is_visible()
    assert page.tab.evaluate("document.querySelector('audio').src").startswith("blob:")
    page.button("Stop", page.panel()).click()
    page.until(f"({SOUND})().paused")
    assert not page.button("Stop", page.panel()).is_visible()
    assert page.complaints == []


WATCH = """() => {
    window.marked = [];
    const see = () => {
        const word = document.querySelector('.words [aria-current]')?.textContent.trim();
        if (word && word !== window.marked.at(-1)) window.marked.push(word);
    };
    new MutationObserver(see).observe(document.querySelector('.words'), {subtree: true, attributes: true});
}"""


@pytest.mark.parametrize("script", ["", "delete window.MediaSource; delete window.ManagedMediaSource"])
def test_words_are_marked_as_they_are_spoken_and_the_mel_is_drawn(browser, server, script):
    """By MediaSource, and by Web Audio where a browser has none; afterwards it can be played again."""
    page = Page(browser, server.url, script)
    page.tab.locator("#voices li").first.wait_for()
    page.tab.evaluate(WATCH)
    page.panel().get_by_label("Speed").fill("0.5")
    page.speak(HELLO)
    words = page.spoken()
    assert words == ["hello", "there", "good", "people"]
    page.until(f"window.marked.length && ({SOUND})().duration > 1 && !document.querySelector('.words [aria-current]')")
    marked = page.tab.evaluate("window.marked")
    assert marked == [word for word in words if word in marked], "in their order"
    assert len(marked) >= 2, "on a busy machine the browser draws too seldom for each word"
    colours = page.tab.evaluate("""() => {
        const canvas = document.querySelector('canvas'), {data} = canvas.getContext('2d').getImageData(0, 0, 150, 80);
        return new Set(Array.from({length: data.length / 4}, (_, at) => data.slice(4 * at, 4 * at + 3).join())).size;
    }""")
    assert colours > 50
    page.tab.evaluate(f"({SOUND})().currentTime = 0, ({SOUND})().play()")
    page.until("() => document.querySelector('.words [aria-current]')?.textContent.trim() === 'hello'")
    assert page.complaints == []
    page.tab.context.close()


def test_picture_is_where_the_words_are(page):
    """What MP3 puts in front of the speech is known: the same samples come from a WAV, so much earlier."""
    delay = page.tab.evaluate("""async () => {
        const {MP3_DELAY, RATE} = await import('/page/player.js');
        const [mp3, wav] = await Promise.all(['mp3', 'wav'].map(async (response_format) => {
            const asked = {model: 'peewee-tts', voice: 'kathleen', input: 'Hello there.', response_format};
            const body = JSON.stringify(asked);
            const sent = {method: 'POST', headers: {'content-type': 'application/json'}, body};
            const file = await (await fetch('v1/audio/speech', sent)).arrayBuffer();
            return (await new OfflineAudioContext(1, 1, RATE).decodeAudioData(file)).getChannelData(0);
        }));
        const alike = Array.from({length: 3000}, (_, by) => {
            let sum = 0;
            for (let at = 2000; at < 14000; at += 3) sum += mp3[at + by] * wav[at];
            return sum;
        });
        return alike.indexOf(Math.max(...alike)) - MP3_DELAY;
    }""")
    assert abs(delay) <= 24, "samples, a millisecond"


def test_speed_and_seed_are_sent_and_the_file_is_the_one_of_the_api(page, server):
    """A download is made whole: its header states its length."""
    panel = page.panel()
    page.chosen().select_option("unseen-0")
    panel.get_by_label("Speed").fill("1.5")
    panel.get_by_label("Seed").fill("7")
    page.speak(HELLO)
    page.spoken()
    with page.tab.expect_download() as waiting:
        page.button("Download", panel).click()
    content = waiting.value.path().read_bytes()
    assert waiting.value.suggested_filename == "synthetic-unseen-0-7.wav"
    asked = {"model": "peewee-tts", "voice": "unseen-0", "input": HELLO, "speed": 1.5, "seed": 7}
    answer = server.http().post("/v1/audio/speech", json=asked | {"response_format": "wav", "stream": False})
    (ours, rate), (theirs, _) = (wav_samples(file) for file in (content, answer.content))
    assert np.array_equal(ours, theirs)
    assert len(ours) > rate / 2
    assert b"c2pa" in content, "a file that is made whole has Content Credentials"


def test_two_voices_say_one_text_one_after_the_other(page):
    """Side by side, each with its own settings, and never both at once."""
    assert not page.panel("B").is_visible()
    page.button("Compare two voices").click()
    assert page.chosen().input_value() == "kathleen"
    assert page.chosen("B").input_value() == "unseen-0"
    page.tab.get_by_label("Text", exact=True).fill("Hello there.")
    page.tab.evaluate("""() => document.querySelectorAll('audio').forEach((audio) => audio.addEventListener('playing',
        () => { window.most = Math.max(window.most ?? 0, document.querySelectorAll('.panel audio').values()
            .filter((one) => !one.paused && !one.ended).toArray().length); }))""")
    page.button("Speak A, then B").click()
    assert page.spoken("A") == page.spoken("B") == ["hello", "there"]
    page.until("() => document.querySelectorAll('.panel audio')[1].currentTime > 0.1")
    assert page.tab.evaluate("window.most") == 1
    page.button("Compare two voices").click()
    assert not page.panel("B").is_visible()


def test_uploaded_consent_and_sample_make_a_voice_and_delete_leaves_nothing(page, server, recordings):
    """The new voice is chosen, speaks, lies near its own recording's voice, and is gone from list and disk."""
    store = server.service.store
    add(page, "Anna", recordings("a", 0, 8), recordings("a", 10, 18))
    page.tab.get_by_text("Anna can speak now.").wait_for()
    assert page.voices() == ["kathleen", "unseen-0", "Anna"]
    assert page.chosen().locator("option:checked").inner_text() == "Anna"
    bars = page.panel().locator(".likeness li")
    bars.first.wait_for()
    assert bars.first.inner_text().startswith("kathleen"), "the sample is of the same person"
    page.speak("Hello there.")
    page.spoken()
    assert len(list(store.folder.rglob("record.json"))) == 2
    page.button("Delete Anna").click()
    page.button("Keep it").click()
    assert page.voices() == ["kathleen", "unseen-0", "Anna"]
    page.button("Delete Anna").click()
    page.button("Delete it").click()
    page.tab.get_by_text("Anna is deleted.").wait_for()
    page.until("() => document.querySelectorAll('#voices li').length === 2")
    assert page.chosen().input_value() == "kathleen"
    assert [path for path in store.folder.rglob("*") if path.is_file()] == []
    assert page.complaints == []


def test_microphone_records_consent_and_sample(playwright, server, recordings, tmp_path):
    """Chromium's own microphone plays a real recording; what MediaRecorder makes of it becomes a voice."""
    (tmp_path / "voice.wav").write_bytes(recordings("a", 0, 40))
    with chromium(playwright, *MICROPHONE, f"--use-file-for-fake-audio-capture={tmp_path}/voice.wav") as browser:
        page = Page(browser, server.url)
        page.tab.get_by_label("Name").fill("Microphone")
        for title in ("the consent", "the sample"):
            page.button(f"Record {title}").click()
            page.button(f"Stop recording {title}").wait_for()
            page.tab.wait_for_timeout(6000)
            page.button(f"Stop recording {title}").click()
            page.tab.get_by_label(f"Listen to {title}").wait_for()
        page.tab.get_by_label("This is my voice").check()
        page.button("Make this voice").click()
        page.tab.get_by_text("Microphone can speak now.").wait_for()
        assert "Microphone" in page.voices()
        assert page.complaints == []
        page.button("Delete Microphone").click()
        page.button("Delete it").click()
        page.tab.get_by_text("Microphone is deleted.").wait_for()
    assert [path for path in server.service.store.folder.rglob("*") if path.is_file()] == []


def test_microphone_that_is_refused_leaves_the_other_way(page):
    """The browser's reason and the remedy are said."""
    page.button("Record the consent").click()
    assert page.error().startswith("The microphone can't be used: ")
    assert page.error().endswith("Allow it, or upload a file.")
    assert page.button("Record the consent").is_enabled()


def test_errors_are_sentences_that_can_be_read_and_closed(page, server, recordings):
    """Those of the server are its own words; what was refused leaves no consent behind."""
    page.panel().get_by_label("Speed").fill("9")
    page.speak(HELLO)
    assert page.error() == "Speed: Input should be less than or equal to 4."
    page.button("Close").click()
    assert page.tab.get_by_role("alert").inner_text() == ""
    page.button("Make this voice").click()
    assert page.error() == "Say whose voice it is."
    add(page, "Anna", recordings("a", 0, 8), recordings("b", 0, 8))
    page.tab.get_by_text("The sample and the consent's recording are of two people").wait_for()
    assert page.voices() == ["kathleen", "unseen-0"]
    assert [path for path in server.service.store.folder.rglob("*") if path.is_file()] == []


def focused(page):
    """What has the focus, by its name and role."""
    return page.tab.evaluate("""() => {
        const one = document.activeElement, label = one.labels?.[0]?.innerText.trim().split('\\n')[0];
        return one.getAttribute('aria-label') ?? label ?? one.innerText.trim();
    }""")


def test_keyboard_alone_is_enough(page):
    """Every control has a name and shows its focus, in the order of reading; Enter speaks."""
    walk = [
        "Skip to the text", "Text", "Voice", "Speed", "Seed", "Speak", "Compare two voices", "Name", "Language",
        "Record the consent", "Upload the consent", "Record the sample", "Upload the sample",
        "This is my voice, or its speaker has allowed me to use it.", "Make this voice",
    ]  # fmt: skip
    found = []
    for _ in walk:
        page.tab.keyboard.press("Tab")
        found.append(focused(page))
        assert page.tab.evaluate("""() => {
            const one = document.activeElement;
            return [one, one.parentElement].some((part) => getComputedStyle(part).outlineStyle === 'solid');
        }"""), f"{found[-1]} does not show its focus"
    assert found == walk
    page.tab.get_by_label("Text", exact=True).focus()
    page.tab.keyboard.press("Control+A")
    page.tab.keyboard.type("Hello there.")
    page.tab.keyboard.press("Control+Enter")
    assert page.spoken() == ["hello", "there"]
    for _ in range(4):
        page.tab.keyboard.press("Tab")
    assert focused(page) == "Speak"
    page.tab.keyboard.press("Tab")
    assert focused(page) == "Picture of the speech; it can be scrolled"


def test_every_control_has_a_name_for_a_screen_reader(page):
    """As the browser gives them to it."""
    page.button("Compare two voices").click()
    page.speak("Hello there.")
    page.spoken()
    nodes = page.tab.context.new_cdp_session(page.tab).send("Accessibility.getFullAXTree")["nodes"]
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and any(one["name"] == "focusable" for one in node.get("properties", ()))
    ]
    assert len(named) > 20
    assert [role for role, name in named if not name and role != "RootWebArea"] == []
    assert ("image", "Mel spectrogram of the speech") in [
        (node["role"]["value"], node.get("name", {}).get("value")) for node in nodes if not node["ignored"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_narrow_screen_needs_no_scrolling_sideways(browser, server, theme):
    """At 360 pixels, the width of a small telephone, also with two panels and a long error."""
    page = Page(browser, server.url, viewport={"width": 360, "height": 740}, color_scheme=theme)
    page.button("Compare two voices").click()
    page.speak(HELLO)
    page.spoken()
    page.button("Make this voice").click()
    page.error()
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= 360
    ground = page.tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(246, 245, 242)", "dark": "rgb(20, 24, 26)"}[theme]
    page.tab.context.close()


def test_page_asks_for_a_key_where_the_server_wants_one(browser, tmp_path):
    """A wrong one is refused in words; the right one stays until the tab is closed."""
    key = new_key(tmp_path / "keys", "anna")
    with served(tmp_path / "voices", keys=tmp_path / "keys") as server:
        page = Page(browser, server.url)
        field = page.tab.get_by_label("API key", exact=True)
        field.wait_for()
        assert focused(page) == "API key"
        assert page.error().startswith("An API key is needed")
        field.fill("pw_wrong")
        page.button("Use this key").click()
        page.tab.get_by_text("This API key is not known").wait_for()
        field.fill(key)
        page.button("Use this key").click()
        page.tab.locator("#voices li").first.wait_for()
        assert not field.is_visible()
        page.tab.reload()
        page.tab.locator("#voices li").first.wait_for()
        page.speak("Hello there.")
        assert page.spoken() == ["hello", "there"]
        page.tab.context.close()


def test_page_says_that_the_server_is_gone(browser, tmp_path):
    """And not a word of the browser's own."""
    with served(tmp_path) as server:
        page = Page(browser, server.url)
        page.tab.locator("#voices li").first.wait_for()
    page.speak(HELLO)
    assert page.error() == "The server does not answer. Look whether it still runs."
    page.tab.context.close()


def test_recording_that_is_no_sound_is_refused_with_the_servers_reason(page):
    """The remedy is in the sentence."""
    add(page, "Anna", b"not a sound", piece_of(SAMPLE, 0, 5))
    assert page.error().startswith("The recording")
