"""The studio over a tiny finished job, asked in this process and by a real browser."""

import re
import shutil

import pytest
from fastapi.testclient import TestClient

from pipelines.web.studio.access.accounts import Account, add_account
from pipelines.web.studio.access.sessions import Sessions
from pipelines.web.studio.app import studio_app

PASSWORD = "a long password"
SHOPPER = "lonely"


@pytest.fixture(scope="session")
def studio_job(finished_job, tmp_path_factory):
    """A finished job with an account of every role, named as the role is."""
    out = tmp_path_factory.mktemp("studio") / "out"
    shutil.copytree(finished_job[0], out)
    for role in ("merchandiser", "engineer"):
        add_account(out, Account(role, role), PASSWORD)
    add_account(out, Account("shopper", "shopper", SHOPPER), PASSWORD)
    return out


class Visitor:
    """A client that keeps its cookies, and finds the token that forms carry."""

    def __init__(self, app):
        self.client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)

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
