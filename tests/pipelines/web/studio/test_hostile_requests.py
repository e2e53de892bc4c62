"""Whatever is asked, the studio answers in words and never breaks."""

import pytest

from pipelines.web.studio.access.accounts import Account
from pipelines.web.studio.access.guard import COOKIE
from pipelines.web.studio.access.rates import RATES, Rate

OPEN = {"/healthz", "/login", "/enter", "/static/{digest}/{name}"}

NASTY = [
    "", "0", "-1", "99999999999999999999", "1e309", "nan", "x" * 3000, "../../etc/passwd", "%00",
    "\u202e<script>alert(1)</script>", "' OR 1=1 --", "{{7*7}}", "own:", "😀" * 50,
    "lonely\r\nX: y",
]  # fmt: skip
FORMS = ["/feedback", "/preview", "/words", "/own-look", "/failures/refused"]
KNOWN = {
    **{"shopper": "lonely", "rank": 1, "item": "003", "look": "s1", "style": "s1", "second": "s2"},
    **{"phrase": "stripes", "opinion": "plain", "name": "Rain", "entry": "1", "at": 1},
}


@pytest.fixture(autouse=True)
def no_limits(monkeypatch):
    """As often as these tests like."""
    for kind in RATES:
        monkeypatch.setitem(RATES, kind, Rate(1e9, 10**9))


@pytest.mark.slow
def test_every_address_answers_every_role_as_its_description_says(app, try_operations):
    sessions = app.state.studio.sessions
    users = [Account(role, role) for role in ("engineer", "merchandiser")]
    users.append(Account("shopper", "shopper", "lonely"))

    def ask(case, number):
        _fill(case, number)
        accept = ("text/html", "*/*")[number // 2 % 2]
        base = {"base_url": "http://127.0.0.1", "allow_redirects": False}
        stranger = case.call(headers={"accept": accept}, **base)
        yield stranger
        if case.operation.path in OPEN:
            return
        refused = (stranger.status_code, stranger.headers.get("location"))
        assert refused in ((401, None), (303, ["/login"]))
        takes_file = case.media_type == "multipart/form-data"
        for user in [users[number % 3]] if takes_file else users:
            secret = sessions.open(user)
            token = sessions.find(secret).csrf
            headers = {"accept": accept, "cookie": f"{COOKIE}={secret}", "x-csrf-token": token}
            answer = case.call(headers=headers, **base)
            assert b"<script>alert" not in answer.content
            yield answer

    try_operations(app, ask)


def _fill(case, number):
    """Every other case asks for what there is, and every third for what is nasty elsewhere."""
    body = case.body if isinstance(case.body, dict) else {}
    for place in (case.query, body):
        for name in place:
            if number % 2:
                place[name] = KNOWN.get(name, place[name])
            elif number % 3 == 0 and place is case.query:
                place[name] = NASTY[number % len(NASTY)]


@pytest.mark.parametrize("path", FORMS)
def test_no_form_breaks_a_page(engineer, path):
    fields = ("rank", "opinion", "look", "second", "blend", "phrase", "item", "style", "picture")
    for value in NASTY:
        data = dict.fromkeys(fields, value)
        answer = engineer.post(f"{path}?shopper=lonely&rank=1", data)
        assert answer.status_code < 500, value
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\n" * 10_000),
        ("application/json", b'{"csrf": 1}'),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 5000)),
        ("application/x-www-form-urlencoded; charset=utf-7", b"\xff\xfe"),
    ],
)
def test_a_body_that_is_no_form_is_refused(engineer, kind, body):
    headers = {"content-type": kind, "x-csrf-token": engineer.csrf()}
    answer = engineer.client.post("/feedback?shopper=lonely", content=body, headers=headers)
    assert 400 <= answer.status_code < 500
