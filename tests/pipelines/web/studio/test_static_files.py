"""What the pages load is small, theirs alone, and what npm has."""

import hashlib
import re

import pytest

from pipelines.web.studio.pages import STATIC, static_url

# `npm pack htmx.org@2.0.11`, package/dist/htmx.min.js
HTMX = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"


def test_htmx_is_the_file_of_its_npm_package():
    assert hashlib.sha256(STATIC.joinpath("htmx.min.js").read_bytes()).hexdigest() == HTMX


@pytest.mark.parametrize("file", sorted(STATIC.iterdir()), ids=lambda file: file.name)
def test_no_file_asks_another_host_for_anything(file):
    if file.name != "htmx.min.js":
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.", text)


def test_a_static_file_is_kept_for_good_under_an_address_of_its_content(visitor):
    response = visitor.client.get(static_url("studio.css"))
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/css")
    assert "immutable" in response.headers["cache-control"]
