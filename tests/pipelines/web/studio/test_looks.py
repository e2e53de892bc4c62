"""Looks that people make: previews, pictures of their own, words."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from pipelines.web.studio import uploads
from pipelines.web.studio.uploads import MOST_BYTES, decode_apart

LOOK = "/look?shopper=lonely&rank=1"
PREVIEW = "/preview?shopper=lonely&rank=1"


def _file(format="PNG", size=(96, 96), **options):
    rng = np.random.default_rng(1)
    picture = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).resize(size)
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def _bomb():
    """A PNG of 50,000 x 50,000 pixels in a few kilobytes."""
    buffer = io.BytesIO()
    Image.new("1", (50_000, 50_000)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


HOSTILE = {
    "empty": b"",
    "text": b"hello",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "html in a png's name": b"<!doctype html><script>alert(1)</script>",
    "bomb": _bomb(),
    "gif": _file("GIF"),
    "tiff": _file("TIFF"),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "pdf": b"%PDF-1.4\n1 0 obj<<>>endobj",
    "cut": _file()[:120],
    "zip": b"PK\x03\x04" + b"\0" * 64,
    "too small": _file(size=(20, 20)),
    "pickle": b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
}


@pytest.fixture(scope="module")
def visit(engineer):
    """A session with the workbench open."""
    assert engineer.get(LOOK).status_code == 200
    return engineer


def test_the_workbench_offers_every_look_of_the_run(visit):
    page = visit.get(LOOK).text
    assert len(re.findall(r'name="look" value="s\d"', page)) == 6


def test_a_preview_is_painted_once_and_fetched_by_its_content(visit):
    form = {"look": "s1", "second": "s4", "blend": "50", "strength": "80", "motif": "150"}
    page = visit.post(PREVIEW, form, headers={"hx-request": "true"}).text
    assert "<html" not in page
    link = re.search(r"/previews/[0-9a-f]+\.jpg", page)[0]
    response = visit.client.get(link)
    assert response.headers["content-type"] == "image/jpeg"
    assert "immutable" in response.headers["cache-control"]
    assert max(Image.open(io.BytesIO(response.content)).size) == 96
    assert link in visit.post(PREVIEW, form).text
    other = visit.post(PREVIEW, {**form, "blend": "20"}).text
    assert link not in other


def test_a_preview_needs_no_script(visit):
    page = visit.post(PREVIEW, {"look": "s2", "strength": "60"}).text
    assert "<html" in page
    assert re.search(r'value="s2" checked', page)
    assert re.search(r'name="strength"[^>]* value="60"', page)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"look": "no-such"},
        {"look": "own:nobody"},
        {"look": "s1", "strength": "101"},
        {"look": "s1", "strength": "nan"},
        {"look": "s1", "motif": "1e9"},
        {"look": "s1", "texture": "' OR 1=1"},
        {"look": "../../etc/passwd"},
        {"look": "x" * 5000},
    ],
)
def test_a_form_that_makes_no_sense_is_refused_in_words(visit, form):
    response = visit.post(PREVIEW, form)
    assert response.status_code in (404, 422)
    assert 'class="lead"' in response.text


def _upload(visitor, data, name="picture.png", kind="image/png"):
    path = "/own-look?shopper=lonely&rank=1"
    return visitor.post(path, files={"picture": (name, data, kind)})


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_picture_of_ones_own_becomes_a_look(visit, format):
    answer = _upload(visit, _file(format), name="../../evil\n.svg", kind="image/svg+xml")
    assert answer.status_code == 303
    page = visit.get(answer.headers["location"]).text
    assert "Your picture" in page
    assert "evil" not in page
    assert re.search(r"/previews/[0-9a-f]+\.jpg", page)
    link = re.search(r"/own/[\w-]+\.jpg", page)[0]
    assert visit.client.get(link).headers["content-type"] == "image/jpeg"


def test_a_look_of_one_session_is_not_there_in_another(visit, merchandiser):
    answer = _upload(visit, _file())
    own = re.search(r"own%3A([\w-]+)", answer.headers["location"])[1]
    assert visit.client.get(f"/own/{own}.jpg").status_code == 200
    assert merchandiser.client.get(f"/own/{own}.jpg").status_code == 404
    assert merchandiser.post(PREVIEW, {"look": f"own:{own}"}).status_code == 404


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_upload_is_refused_in_one_line(visit, name):
    response = _upload(visit, HOSTILE[name])
    assert response.status_code == 422
    assert "Traceback" not in response.text


def test_an_upload_that_is_too_large_is_refused(visit):
    assert _upload(visit, b"\x89PNG" + b"\0" * MOST_BYTES).status_code == 422
    assert _upload(visit, b"\0" * (100 * 2**20)).status_code == 413


def test_what_hides_behind_a_picture_or_in_it_is_not_kept():
    script = b"<script>alert(1)</script>"
    for data in (_file() + script, _file("JPEG", comment=script, exif=b"Exif\0\0" + script)):
        made = decode_apart(data, 64)
        assert script not in made.data
        assert (made.width, made.height) == (64, 64)
        assert made.data.startswith(b"\x89PNG")


def test_a_picture_that_takes_too_long_or_too_much_memory_is_given_up(monkeypatch):
    with pytest.raises(uploads.ImageError, match="too long"):
        decode_apart(_file(), 64, seconds=0.0)


def test_words_become_a_look_and_say_what_was_understood(visit):
    answer = visit.post("/words?shopper=lonely&rank=1", {"phrase": "stripes, calm and zebras"})
    assert answer.status_code == 303
    page = visit.get(answer.headers["location"]).text
    assert "Understood" in page
    assert "Read for the meaning of the whole: zebras" in re.sub(r"\s+", " ", page)
    refused = visit.post("/words?shopper=lonely&rank=1", {"phrase": "and <of> the"})
    assert refused.status_code == 422
    assert "<of>" not in refused.text.split('class="lead"')[1]
