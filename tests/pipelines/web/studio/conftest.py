"""The studio over a tiny finished job, asked in this process and by a real browser."""

import contextlib
import itertools
import re
import shutil
import socket
import threading

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi.testclient import TestClient
from playwright.sync_api import expect, sync_playwright

from pipelines.stores import storage
from pipelines.stores.feed_versions import read_feed
from pipelines.web.studio.access.accounts import Account, add_account
from pipelines.web.studio.access.sessions import Sessions
from pipelines.web.studio.app import studio_app

PASSWORD = "a long password"
SHOPPER = "lonely"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def studio_job(finished_job, tmp_path_factory):
    """A finished job with an account of every role, named as the role is.

    Each module has its own: what visitors of one say and change is not there for the next.
    """
    out = tmp_path_factory.mktemp("studio") / "out"
    shutil.copytree(finished_job[0], out)
    for role in ("merchandiser", "engineer"):
        add_account(out, Account(role, role), PASSWORD)
    add_account(out, Account("shopper", "shopper", SHOPPER), PASSWORD)
    return out


@pytest.fixture(scope="module")
def shop(studio_job, tiny_shop, tmp_path_factory):
    """A job of one's own whose table of looks may be added to."""
    folder = tmp_path_factory.mktemp("merchandise")
    shutil.copytree(tiny_shop, folder / "shop")
    shutil.copytree(studio_job, folder / "out")
    job = storage.read_json(folder / "out" / "job.json")
    job["inputs"] = {
        name: path.replace(str(tiny_shop), str(folder / "shop"))
        for name, path in job["inputs"].items()
    }
    storage.write_json(folder / "out" / "job.json", job)
    return folder


@pytest.fixture(scope="module")
def filmed(studio_job, tiny_shop, write_clip, run_clips, tmp_path_factory):
    """A job whose shopper is served an item with a clip in a look, and that clip's row."""
    folder = tmp_path_factory.mktemp("filmed")
    shutil.copytree(tiny_shop, folder / "shop")
    shutil.copytree(studio_job, folder / "out")
    write_clip(folder / "shop" / "pictures" / "spin.mp4")
    feed = read_feed(studio_job)
    row = feed[feed["style_id"] != "original"].iloc[0]
    run_clips(folder / "out", folder / "shop", {row["item_id"]: "pictures/spin.mp4"})
    rows = read_feed(folder / "out").query("user_id == @row.user_id and rank == @row['rank']")
    return folder / "out", rows.iloc[0]


class Visitor:
    """A client of an address of its own that keeps its cookies, and finds the token of forms."""

    def __init__(self, app):
        address = (f"192.0.2.{next(_numbers)}", 50000)
        options = {"base_url": "http://127.0.0.1", "follow_redirects": False, "client": address}
        self.client = TestClient(app, **options)

    def get(self, path, **options):
        options.setdefault("headers", {"accept": "text/html"})
        return self.client.get(path, **options)

    def log_in(self, name, password=PASSWORD):
        return self.client.post("/login", data={"name": name, "password": password})

    def csrf(self):
        return re.search(r'"X-CSRF-Token": "([^"]+)"', self.get("/login").text)[1]

    def post(self, path, data=None, **options):
        options.setdefault("headers", {"accept": "text/html"})
        return self.client.post(path, data={"csrf": self.csrf(), **(data or {})}, **options)


@pytest.fixture(scope="module")
def app(studio_job):
    sessions = Sessions()
    made = studio_app(studio_job, sessions, ("127.0.0.1",))
    made.state.token = sessions.make_token()
    return made


@pytest.fixture(scope="session")
def new_visitor():
    """Makes a visitor of an application."""
    return Visitor


@pytest.fixture
def visitor(app):
    """Somebody who has not logged in."""
    return Visitor(app)


def _logged_in(app, role):
    visitor = Visitor(app)
    assert visitor.log_in(role).status_code == 303
    return visitor


@pytest.fixture(scope="module")
def engineer(app):
    return _logged_in(app, "engineer")


@pytest.fixture(scope="module")
def merchandiser(app):
    return _logged_in(app, "merchandiser")


@pytest.fixture(scope="module")
def shopper(app):
    return _logged_in(app, "shopper")


CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser():
    """Chromium, as the system has it.

    Ended with the module: while it runs, so does an event loop, in which tests of other modules
    could start none.
    """
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip(f"no browser is installed: none of {', '.join(CHROMIUM)} is found")
    with sync_playwright() as playwright:
        # Root may not use chromium's sandbox; the pages are our own.
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        started = playwright.chromium.launch(executable_path=program, args=options)
        # The painter's process opens its networks first.
        expect.set_options(timeout=60_000)
        yield started
        started.close()


@contextlib.contextmanager
def _serving(out):
    """The address of the studio over the job in `out`, served by a thread of this process."""
    app = studio_app(out, Sessions(), ("127.0.0.1",))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def site(studio_job):
    """The address of the studio over `studio_job`."""
    with _serving(studio_job) as address:
        yield address


@pytest.fixture
def site_with_clips(filmed):
    """The address of the studio over the job of `filmed`."""
    with _serving(filmed[0]) as address:
        yield address


@pytest.fixture
def site_of_ones_own(shop):
    """The address of a studio whose job may be run again."""
    with _serving(shop / "out") as address:
        yield address


@pytest.fixture
def open_page(browser, site):
    """Opens a page, logged in as a role; whatever a page's console complains of is an error."""
    contexts = []

    def open_as(role=None, path="/", scripts=True, width=1400, scheme="light", base=site):
        context = browser.new_context(
            base_url=base,
            java_script_enabled=scripts,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda said: _complain(page, said))
        if role is not None:
            page.goto("/login")
            page.get_by_label("Name").fill(role)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
        page.goto(path)
        return page

    yield open_as
    complaints = [
        said for context in contexts for page in context.pages for said in page.complaints
    ]
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture(scope="session")
def accessible():
    """Checks a page at both widths, light and dark: axe finds nothing, and it fits its width."""

    def check(page):
        before = page.viewport_size
        for scheme, width in itertools.product(("light", "dark"), (1400, 400)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate(DRAWN)
            found = Axe().run(page).response["violations"]
            told = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]
            assert not told, (page.url, scheme, width)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{page.url} is {wide} px wide at {width} px"
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(before)

    return check


@pytest.fixture(scope="session")
def readable():
    """Checks that pages say without scripts what they say with them: the same headings."""

    def check(with_scripts, without, paths):
        for path in paths:
            told = []
            for page in (with_scripts, without):
                page.goto(path)
                assert page.locator("h1").is_visible(), path
                told.append(page.locator("h1, h2, h3, th, dt").all_inner_texts())
            assert told[0] == told[1], path

    return check


@pytest.fixture(scope="session")
def reachable():
    """Checks that Tab leads to every control of a page in turn, and that each shows it."""

    def check(page):
        page.evaluate(FIND_CONTROLS)
        n = page.evaluate("controls.length")
        for _ in range(n + 5):
            page.keyboard.press("Tab")
            page.evaluate("visit()")
        missed, dull = page.evaluate("[left().map(one => one.outerHTML.slice(0, 160)), dull]")
        assert not missed, (page.url, missed[:5])
        assert not dull, (page.url, dull[:5])

    return check


@pytest.fixture(scope="session")
def tab_to():
    """Presses Tab until a control has the focus."""

    def press(page, control, most=250):
        for _ in range(most):
            page.keyboard.press("Tab")
            if control.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError(f"{control} is not reached by {most} times Tab")

    return press


# Once the page is drawn anew.
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Of radio buttons of one name only one is in Tab's way; the arrow keys go on from it.
FIND_CONTROLS = """() => {
  const kinds = "a[href], button, input:not([type=hidden]), select, textarea, summary, "
    + "[tabindex='0']";
  const shown = one => one.checkVisibility({visibilityProperty: true}) && !one.disabled;
  const group = one => one.type === "radio" ? "radio " + one.name : one;
  window.controls = [...document.querySelectorAll(kinds)].filter(shown);
  window.seen = new Set();
  window.dull = [];
  window.visit = () => {
    const one = document.activeElement;
    if (one === document.body) return;
    const outlined = [one, one.closest("label, .compare") || one].map(getComputedStyle);
    const clear = outlined.some(s => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 1);
    if (!clear && !seen.has(group(one))) dull.push(one.outerHTML.slice(0, 160));
    seen.add(group(one));
  };
  window.left = () => controls.filter(one => !seen.has(group(one)));
}"""


def _complain(page, said):
    # A page that is refused on purpose is no complaint of the page.
    if said.type in ("error", "warning") and "status of 4" not in said.text:
        page.complaints.append(said.text)
