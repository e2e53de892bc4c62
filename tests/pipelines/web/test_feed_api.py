"""The service as a site meets it: the real command, over real sockets."""

import contextlib
import http.client
import json
import signal
import subprocess
import sys
import time
from urllib.parse import quote

import pytest
import redis
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from pipelines.exports.contract import answer_schema
from pipelines.exports.sqlite_feed import FILE, SqliteFeed
from pipelines.jobs.export_feed import export_feed
from pipelines.web.feed_api import feed_api
from pipelines.web.server import current_name

PROGRAM = "from pipelines.cli import main; main()"


@contextlib.contextmanager
def _serving(out, *options):
    """(connection, process, first line of stderr) of `stylefeed serve` on a free port."""
    command = ["serve", str(out), "--port", "0", "--json", *options]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    text = ""
    try:
        for line in process.stdout:
            text += line
            if line == "}\n":
                break
        assert text, process.communicate()[1]
        port = int(json.loads(text)["address"].rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        yield connection, process
        connection.close()
    finally:
        process.kill()
        process.communicate()


def _get(connection, path, **headers):
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    return response, response.read()


@pytest.fixture(scope="module")
def site(publish_feed, tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    rows = publish_feed(out, "r1")
    export_feed(out)
    with _serving(out) as (connection, _):
        yield out, rows, connection


def test_every_shopper_gets_their_feed_whatever_their_id(site):
    _, rows, connection = site
    check = Draft202012Validator(answer_schema())
    for user, own in rows.groupby("user_id"):
        response, body = _get(connection, f"/v1/feed/{quote(user)}")
        answer = json.loads(body)
        assert (response.status, answer["user_id"], answer["known"]) == (200, user, True)
        assert response.headers["Content-Type"] == "application/json"
        ranked = own.sort_values("rank")["item_id"].tolist()
        assert [item["item_id"] for item in answer["items"]] == ranked
        check.validate(answer)


def test_a_shopper_who_is_not_known_gets_an_answer_too(site):
    connection = site[2]
    for path in ("/v1/feed/nobody", "/v1/feed/no/../body", "/v1/feed/%ff"):
        response, body = _get(connection, path)
        answer = json.loads(body)
        assert (response.status, answer["known"], answer["user_id"]) == (200, False, None)
        assert len(answer["items"]) == 4


def test_what_has_not_changed_is_not_sent_again(site):
    connection = site[2]
    first, body = _get(connection, "/v1/feed/001")
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    for asked in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        response, nothing = _get(connection, "/v1/feed/001", **{"If-None-Match": asked})
        assert (response.status, nothing, response.headers["ETag"]) == (304, b"", tag)
    for asked in ('"other"', tag.strip('"'), ""):
        response, again = _get(connection, "/v1/feed/001", **{"If-None-Match": asked})
        assert (response.status, again) == (200, body)
    assert _get(connection, "/v1/feed/002")[0].headers["ETag"] != tag


def test_openapi_describes_the_answer_as_the_exported_schema_does(site):
    _, _, connection = site
    page = json.loads(_get(connection, "/openapi.json")[1])
    assert {"/v1/feed/{user_id}", "/healthz", "/metrics"} == set(page["paths"])
    described = page["paths"]["/v1/feed/{user_id}"]["get"]["responses"]
    assert set(described) >= {"200", "304", "503"}
    reference = described["200"]["content"]["application/json"]["schema"]["$ref"]
    schemas = page["components"]["schemas"]
    exported = answer_schema()
    for name in ("FeedItem", "Fidelity"):
        text = json.dumps(schemas[name]).replace("#/components/schemas/", "#/$defs/")
        assert json.loads(text) == exported["$defs"][name]
    answer = schemas[reference.rpartition("/")[2]]
    assert answer["required"] == exported["required"]
    assert set(answer["properties"]) == set(exported["properties"])


def test_every_address_answers_as_its_description_says(site, try_operations):
    out, rows, _ = site
    app = feed_api(lambda: SqliteFeed(out / FILE), lambda: current_name(out))
    known = rows["user_id"].unique()

    def ask(case, number):
        if number % 3 == 0 and "user_id" in case.path_parameters:
            case.path_parameters["user_id"] = known[number % len(known)]
        yield case.call()

    try_operations(app, ask)


def test_metrics_count_every_answer_by_kind(site):
    connection = site[2]

    def read():
        response, body = _get(connection, "/metrics")
        assert response.headers["Content-Type"].startswith("text/plain")
        families = text_string_to_metric_families(body.decode())
        samples = [sample for family in families for sample in family.samples]
        return {(s.name, *s.labels.values()): s.value for s in samples}

    before = read()
    tag = _get(connection, "/v1/feed/001")[0].headers["ETag"]
    _get(connection, "/v1/feed/001", **{"If-None-Match": tag})
    _get(connection, "/v1/feed/nobody")
    after = read()
    for kind in ("known", "unknown", "not_modified"):
        key = ("stylefeed_answers_total", kind)
        assert after[key] - before.get(key, 0.0) == 1
    assert after[("stylefeed_answer_seconds_count",)] - before[
        ("stylefeed_answer_seconds_count",)
    ] == pytest.approx(3)
    assert after[("stylefeed_export_users",)] == 23
    assert after[("stylefeed_export_stale",)] == 0


def test_a_new_export_is_followed_and_a_feed_without_one_is_said_to_be_stale(
    publish_feed, tmp_path
):
    publish_feed(tmp_path, "r1")
    export_feed(tmp_path)
    with _serving(tmp_path) as (connection, process):
        publish_feed(tmp_path, "r2")
        response, body = _get(connection, "/healthz")
        health = json.loads(body)
        assert (response.status, health["status"]) == (200, "stale")
        assert (health["version"], health["current"]) == ("r1", "r2")
        assert json.loads(_get(connection, "/v1/feed/001")[1])["version"] == "r1"
        export_feed(tmp_path)
        assert json.loads(_get(connection, "/v1/feed/001")[1])["version"] == "r2"
        assert json.loads(_get(connection, "/healthz")[1])["status"] == "ok"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert "001" not in out + err


def test_answers_from_a_server_are_the_same_bytes_and_its_end_is_one_line(
    site, redis_url, publish_feed
):
    out, rows, connection = site
    export_feed(out, redis_url)
    with _serving(out, "--redis", redis_url) as (other, _):
        for user in [*rows["user_id"].unique()[:3], "nobody"]:
            path = f"/v1/feed/{quote(user)}"
            assert _get(other, path)[1] == _get(connection, path)[1]
        with redis.Redis.from_url(redis_url) as server:
            server.flushall()
        begun = time.monotonic()
        while (status := _get(other, "/healthz")[0].status) == 200:
            assert time.monotonic() - begun < 60
        assert status == 503
        response, body = _get(other, "/v1/feed/001")
        assert response.status == 503
        assert "holds no export" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "no export at"),
        (["--redis", "redis://127.0.0.1:1/0"], "server at redis://127.0.0.1:1/0 failed"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:0"),
    ],
)
def test_what_cannot_be_served_is_one_line_and_exit_code_2(
    options, words, tmp_path, monkeypatch, capsys
):
    from pipelines.cli import main

    command = ["stylefeed", "serve", str(tmp_path), "--port", "0", *options]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / FILE).exists()
