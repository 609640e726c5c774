"""A real browser: headless Chromium with a profile of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from common.lab.errors import MissingServer

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-default-browser-check", "--disable-extensions", "--hide-scrollbars"),
    # Names of other machines are looked up by nobody: a page may load nothing from anywhere else.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


@contextmanager
def chromium(*, size: str = "1280,900", language: str = "en", dark: bool = False) -> Iterator[Chrome]:
    """Open one; raises MissingServer where it is not installed."""
    if not (CHROMIUM.exists() and DRIVER.exists()):
        raise MissingServer("no Chromium is here; apt install chromium chromium-driver")
    with tempfile.TemporaryDirectory(prefix="dts-chromium") as profile:
        options = ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={size}", f"--lang={language}"):
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"intl.accept_languages": language})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        browser = Chrome(options, ChromeService(str(DRIVER)))
        try:
            if dark:
                scheme = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
                browser.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
            yield browser
        finally:
            browser.quit()
