"""Write the sheet of Plotly anew, and its script compressed: .venv/bin/python -m tests.browser.plotly_rules

Plotly writes its rules into a sheet of its own, which the content policy forbids, unless one is there already. So they
are read out of a page without a policy, once for each version of Plotly. To compress the script takes two seconds of one
core, which no web process should spend while somebody waits.
"""

import os
import shutil

import brotli
from playwright.sync_api import sync_playwright

from app.settings import ROOT

FOLDER = ROOT / "static" / "vendor"
DRAWN = """() => Plotly.newPlot(document.body, [{ type: 'bar', x: [1], y: [2] }])
    .then(() => [...document.getElementById('plotly.js-style-global').sheet.cssRules].map((one) => one.cssText))"""


def main():
    """Draw a chart in an empty page, and keep the rules that came with it."""
    program = os.environ.get("TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(path=str(FOLDER / "plotly-basic.min.js"))
        rules = page.evaluate(DRAWN)
        browser.close()
    packed = brotli.compress((FOLDER / "plotly-basic.min.js").read_bytes())
    (FOLDER / "plotly-basic.min.js.br").write_bytes(packed)
    (FOLDER / "plotly-global.css").write_text("\n".join(rules) + "\n")
    print(f"{len(rules)} rules")  # noqa: T201 it is a command


if __name__ == "__main__":
    main()
