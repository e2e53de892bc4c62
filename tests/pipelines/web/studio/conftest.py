"""The studio over a tiny finished job, asked in this process and by a real browser."""

import contextlib
import itertools
import re
import shutil
import socket
import threading

import pytest
import uvicorn
from fastapi.testclient import TestClient
from playwright.sync_api import expect, sync_playwright

from pipelines.stores import storage
from pipelines.web.studio.access.accounts import Account, add_account
from pipelines.web.studio.access.sessions import Sessions
from pipelines.web.studio.app import studio_app

PASSWORD = "a long password"
SHOPPER = "lonely"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def studio_job(finished_job, tmp_path_factory):
    """A finished job with an account of every role, named as the role is."""
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


def _complain(page, said):
    # A page that is refused on purpose is no complaint of the page.
    if said.type in ("error", "warning") and "status of 4" not in said.text:
        page.complaints.append(said.text)
