"""Whatever is asked, the studio answers in words and never breaks."""

import pytest

from pipelines.web.studio.access.rates import RATES, Rate

NASTY = [
    "", "0", "-1", "99999999999999999999", "1e309", "nan", "x" * 3000, "../../etc/passwd", "%00",
    "\u202e<script>alert(1)</script>", "' OR 1=1 --", "{{7*7}}", "own:", "😀" * 50,
    "lonely\r\nX: y",
]  # fmt: skip
CHANGES = {"/logout", "/login"}
FORMS = ["/feedback", "/preview", "/words", "/own-look", "/failures/refused"]


@pytest.fixture(autouse=True)
def no_limits(monkeypatch):
    """As often as these tests like."""
    for kind in RATES:
        monkeypatch.setitem(RATES, kind, Rate(1e9, 10**9))


def _params(operation):
    return [(one["name"], one["in"]) for one in operation.get("parameters", [])]


def test_no_parameter_breaks_a_page(app, engineer):
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            for name, place in _params(operation):
                for value in NASTY:
                    asked = {"shopper": "lonely", "rank": "1", "item": "003"}
                    address = path
                    if place == "path":
                        address = path.replace(f"{{{name}}}", value.replace("\r\n", "") or "x")
                    else:
                        asked[name] = value
                    for other, where in _params(operation):
                        if where == "path":
                            address = address.replace(f"{{{other}}}", "160")
                    call = {"params": asked, "headers": {"accept": "text/html"}}
                    if method == "get":
                        answer = engineer.client.get(address, **call)
                    elif path not in CHANGES:
                        data = {"csrf": engineer.csrf()}
                        answer = engineer.client.post(address, data=data, **call)
                    assert answer.status_code < 500, (method, path, name, value)
                    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    "path", ["/feedback", "/preview", "/words", "/own-look", "/failures/refused"]
)
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
