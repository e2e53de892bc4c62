"""Pictures of the studio's pages, for the docs and to be looked at.

    python docs/make_studio_images.py runs/demo            # docs/images/studio-*.jpg
    python docs/make_studio_images.py runs/demo --all DIR  # every page, both widths and schemes

Needs Debian's chromium and the extra `dev`.
"""

from __future__ import annotations

import argparse
import io
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from pipelines.web.studio.pages import NAVIGATION
from pipelines.web.studio_server import open_studio

IMAGES = Path(__file__).parent / "images"
WIDE, NARROW = 1400, 400
QUALITY = 82
INNER = [
    ("mask", "/masks", "a[href^='/mask?']"),
    ("campaign", "/campaigns", "a[href^='/campaigns/']"),
    ("channel", "/channels", "a[href^='/channels?']"),
]
"""Pages of one thing: name, the page that lists them, and the link that leads there."""


@contextmanager
def studio(out: Path) -> Iterator[str]:
    """The address that logs in to the studio over `out`."""
    app, token = open_studio(out, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/enter?token={token}"
        server.should_exit = True
        thread.join()


def settle(page: Page) -> None:
    """Scroll through a page, so that its pictures come, and wait for them."""
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 600):
        page.evaluate("top => window.scrollTo({top, behavior: 'instant'})", top)
        page.wait_for_timeout(80)
    page.evaluate("window.scrollTo({top: 0, behavior: 'instant'})")
    page.wait_for_load_state("networkidle")


def preview(page: Page) -> None:
    """On the workbench: a blend of the third look with the sixth."""
    page.locator(".looks input").nth(2).check(force=True)
    page.get_by_label("Second look").select_option(index=6)
    page.get_by_label("How much of it").fill("40")
    page.locator("#result img[src^='/previews/']").wait_for(timeout=120_000)
    page.wait_for_load_state("networkidle")


def opened(browser: Browser, state: object, width: int, scheme: str) -> Page:
    """A page of `width` pixels in the light or dark `scheme`, logged in."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        storage_state=state,  # type: ignore[arg-type]
    )
    return context.new_page()


def save(page: Page, path: Path, full: bool) -> None:
    """A page's picture: JPEG for the docs, PNG to be looked at."""
    data = page.screenshot(full_page=full)
    if path.suffix == ".png":
        path.write_bytes(data)
    else:
        Image.open(io.BytesIO(data)).convert("RGB").save(path, quality=QUALITY, optimize=True)
    print(path)


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--all", type=Path, metavar="DIR")
    given = parser.parse_args()
    program = shutil.which("chromium")
    with studio(given.out) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        root = page.url.rpartition("/")[0]
        feed = page.locator(".portraits a").first.get_attribute("href") or ""
        state = page.context.storage_state()
        pages = {entry.path.strip("/"): entry.path for entry in NAVIGATION}
        pages |= {"feed": feed, "look": feed.replace("/feed", "/look", 1) + "&rank=3"}
        for name, where, link in INNER:
            page.goto(root + where)
            if page.locator(link).count():
                pages[name] = page.locator(link).first.get_attribute("href") or where
        if given.all:
            given.all.mkdir(parents=True, exist_ok=True)
            kinds = [(width, scheme) for width in (WIDE, NARROW) for scheme in ("light", "dark")]
            shown = [(name, *kind, given.all, ".png") for name in pages for kind in kinds]
        else:
            shown = [(name, WIDE, "light", IMAGES, ".jpg") for name in ("feed", "look")]
        for name, width, scheme, folder, suffix in shown:
            page = opened(browser, state, width, scheme)
            page.goto(root + pages[name])
            if name == "look":
                preview(page)
            settle(page)
            label = f"-{scheme}-{width}" if given.all else ""
            save(page, folder / f"studio-{name}{label}{suffix}", bool(given.all))
            page.context.close()
        browser.close()


if __name__ == "__main__":
    main()
