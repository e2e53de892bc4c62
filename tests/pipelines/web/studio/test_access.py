"""Nobody enters without a login, sends a foreign form, or sees what another role may see."""

import json

import pytest

from features.schema import ConfigError
from pipelines.web.studio.access.accounts import Account, add_account, find_account
from pipelines.web.studio.access.audit import AUDIT
from pipelines.web.studio.access.guard import COOKIE, MOST_BODY_BYTES
from pipelines.web.studio.access.rates import RATES, Rates
from pipelines.web.studio.access.sessions import IDLE_S, Sessions

OPEN = {"/healthz", "/login", "/enter", "/static/{digest}/{name}"}


def _paths(app):
    return {path: {m.upper() for m in of} for path, of in app.openapi()["paths"].items()}


def test_nothing_but_health_login_and_static_files_is_answered_without_a_login(app, visitor):
    paths = set(_paths(app))
    assert paths >= OPEN
    for path in paths - OPEN:
        real = path.replace("{name}-{version}-{side}", "a-b-160")
        for method in ("get", "post"):
            response = getattr(visitor.client, method)(real, headers={"accept": "text/html"})
            assert (response.status_code, response.headers.get("location")) in (
                (303, "/login"),
                (401, None),
            ), path


def test_a_script_without_a_login_is_sent_to_the_login(visitor):
    response = visitor.get("/feed", headers={"hx-request": "true"})
    assert (response.status_code, response.headers["hx-redirect"]) == (401, "/login")


def test_the_token_opens_the_studio_once(app, visitor):
    token = app.state.token
    response = visitor.get(f"/enter?token={token}")
    assert response.status_code == 303
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert visitor.get("/inspector" if "/inspector" in _paths(app) else "/shoppers").is_success
    visitor.client.cookies.clear()
    assert visitor.get(f"/enter?token={token}").status_code == 403
    assert visitor.get("/shoppers").status_code == 303


def test_a_wrong_password_and_an_unknown_name_are_refused_in_the_same_words(visitor):
    wrong, unknown = visitor.log_in("engineer", "wrong password"), visitor.log_in("nobody")
    assert (wrong.status_code, unknown.status_code) == (403, 403)
    assert wrong.text == unknown.text
    assert COOKIE not in visitor.client.cookies


def test_after_logging_out_the_cookie_opens_nothing(visitor):
    visitor.log_in("engineer")
    kept = visitor.client.cookies[COOKIE]
    assert visitor.post("/logout").status_code == 303
    visitor.client.cookies.set(COOKIE, kept)
    assert visitor.get("/shoppers").status_code == 303


def test_every_post_needs_the_token_of_its_session(app, engineer):
    posts = [path for path, methods in _paths(app).items() if "POST" in methods]
    for path in set(posts) - {"/login"}:
        for headers in ({}, {"x-csrf-token": "x"}, {"x-csrf-token": "é".encode()}):
            asked = f"{path}?shopper=lonely&rank=1"
            response = engineer.client.post(asked, data={"rank": "1"}, headers=headers)
            assert response.status_code == 403, path


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
)
def test_a_form_of_another_site_is_refused_whatever_it_carries(engineer, headers):
    assert engineer.post("/logout", headers=headers).status_code == 403


def test_a_foreign_host_name_is_not_answered(engineer):
    assert engineer.get("/shoppers", headers={"host": "evil.example"}).status_code == 421


def test_every_answer_forbids_inline_scripts_and_styles(app, engineer):
    for path in ("/", "/login", "/shoppers", "/healthz", "/nowhere", "/feed?shopper=lonely"):
        response = engineer.get(path)
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert " style=" not in response.text
        assert " onclick=" not in response.text
        assert "<style" not in response.text


def test_a_shopper_sees_their_own_feed_alone(shopper):
    assert shopper.get("/feed").status_code == 200
    assert shopper.get("/feed?shopper=u000").status_code == 403
    assert shopper.get("/shoppers").status_code == 403
    response = shopper.post("/feedback?shopper=u000", {"rank": "1", "opinion": "like"})
    assert response.status_code == 403


def test_too_many_logins_are_put_off(visitor):
    codes = {visitor.log_in("engineer", "wrong password").status_code for _ in range(15)}
    assert codes == {403, 429}


def test_a_body_that_is_too_long_is_refused_however_it_is_declared(engineer):
    big = b"x" * (MOST_BODY_BYTES + 1)
    assert engineer.client.post("/feedback", content=big).status_code == 413

    def parts():
        for _ in range(MOST_BODY_BYTES // 2**20 + 2):
            yield b"x" * 2**20

    headers = {"content-type": "application/x-www-form-urlencoded"}
    path = "/feedback?shopper=lonely"
    assert engineer.client.post(path, content=parts(), headers=headers).status_code == 413


def test_what_was_refused_is_in_the_audit_log_without_names(studio_job, app, visitor, shopper):
    shopper.get("/shoppers")
    visitor.log_in("engineer", "wrong password")
    lines = [json.loads(line) for line in (studio_job / AUDIT).read_text().splitlines()]
    assert {"role", "user_id", "action", "outcome", "at"} <= set(lines[0])
    assert any(line["outcome"].startswith("refused") for line in lines)
    assert "password" not in (studio_job / AUDIT).read_text()


def test_an_idle_session_ends():
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    secret = sessions.open(Account("a", "engineer"))
    assert sessions.find(secret) is not None
    now[0] += IDLE_S + 1
    assert sessions.find(secret) is None


def test_a_rate_fills_up_again():
    now = [0.0]
    rates = Rates(lambda: now[0])
    rate = RATES["login"]
    assert [rates.wait_s("login", "a") for _ in range(rate.burst)] == [0.0] * rate.burst
    wait = rates.wait_s("login", "a")
    assert 0.0 < wait <= 60.0 / rate.per_minute
    assert rates.wait_s("login", "b") == 0.0
    now[0] += wait
    assert rates.wait_s("login", "a") == 0.0


@pytest.mark.parametrize(
    ("account", "password"),
    [
        (Account("a", "admin"), "long enough"),
        (Account("a", "engineer"), "short"),
        (Account("", "engineer"), "long enough"),
        (Account("a", "shopper"), "long enough"),
        (Account("a", "engineer", "u1"), "long enough"),
    ],
)
def test_an_account_that_cannot_be_used_is_refused(tmp_path, account, password):
    with pytest.raises(ConfigError):
        add_account(tmp_path, account, password)


def test_an_account_of_the_same_name_gets_another_password(tmp_path):
    add_account(tmp_path, Account("a", "engineer"), "the first one")
    add_account(tmp_path, Account("a", "merchandiser"), "the second one")
    assert find_account(tmp_path, "a", "the first one") is None
    assert find_account(tmp_path, "a", "the second one") == Account("a", "merchandiser")
