"""An object store holds the versions that a job keeps, and names a whole one at every moment."""

import json
import zlib

import fsspec
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer

from features.schema import InputError
from pipelines.jobs.export_feed import copy_feed
from pipelines.stores.feed_versions import POINTER, read_feed


@pytest.fixture(scope="module")
def s3():
    """A server that speaks S3, on loopback, for these tests."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3, monkeypatch, request):
    """A bucket's URL, and its store as a reader opens it."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    store = fsspec.filesystem("s3", skip_instance_cache=True)
    name = f"shop{zlib.crc32(request.node.name.encode())}"
    store.mkdir(name)
    return f"s3://{name}/shop", store


@pytest.fixture
def published(publish_feed, tmp_path):
    """A job's folder with a feed and its pictures."""
    out = tmp_path / "out"
    rows = publish_feed(out, "one")
    for uri in {*rows["image_uri"], *rows["original_uri"]}:
        (out / uri).parent.mkdir(exist_ok=True)
        (out / uri).write_bytes(uri.encode())
    return out


def _current(store, url):
    pointer = json.loads(store.cat_file(f"{url}/{POINTER}"))
    files = sorted(store.glob(f"{url}/feed/{pointer['version']}/bucket-*.parquet"))
    parts = [pd.read_parquet(store.open(file)) for file in files]
    return pointer["version"], pd.concat(parts, ignore_index=True)


def test_a_reader_of_the_store_has_the_feed_and_its_pictures(published, bucket):
    url, store = bucket
    done = copy_feed(published, url)
    version, rows = _current(store, url)
    assert (version, done["version"]) == ("one", "one")
    pd.testing.assert_frame_equal(rows, read_feed(published))
    for uri in {*rows["image_uri"], *rows["original_uri"]}:
        assert store.cat_file(f"{url}/{uri}") == uri.encode()
    assert not copy_feed(published, url)["worked"]


def test_a_new_version_sends_what_is_new_and_an_old_one_goes_when_it_is_pruned(
    published, bucket, publish_feed
):
    url, store = bucket
    copy_feed(published, url)
    publish_feed(published, "two")
    done = copy_feed(published, url)
    assert all(name.startswith("feed/") for name in _names(store, url) if "two" in name)
    assert done["files"] == 5
    assert _current(store, url)[0] == "two"
    assert store.exists(f"{url}/feed/one/_version.json")
    for file in (published / "feed/one").iterdir():
        file.unlink()
    copy_feed(published, url)
    assert not [name for name in _names(store, url) if "feed/one/" in name]


def _names(store, url):
    root = url.removeprefix("s3://")
    return [name.removeprefix(f"{root}/") for name in store.find(root)]


def test_a_copy_that_was_cut_short_leaves_the_version_before_current(
    published, bucket, publish_feed, monkeypatch
):
    url, store = bucket
    copy_feed(published, url)
    publish_feed(published, "two", users=29)
    from pipelines.exports import object_feed

    put, left = object_feed._put, [3]

    def fail_after_three(*arguments):
        left[0] -= 1
        if not left[0]:
            raise OSError("the network is gone")
        put(*arguments)

    with monkeypatch.context() as broken:
        broken.setattr(object_feed, "_put", fail_after_three)
        with pytest.raises(InputError, match=r"cannot be written: OSError: the network is gone"):
            copy_feed(published, url)
    assert _current(store, url)[0] == "one"
    copy_feed(published, url)
    version, rows = _current(store, url)
    assert version == "two"
    pd.testing.assert_frame_equal(rows, read_feed(published))


def test_a_folder_is_a_store_too(published, tmp_path):
    copy_feed(published, str(tmp_path / "copy"))
    pd.testing.assert_frame_equal(read_feed(tmp_path / "copy"), read_feed(published))


def test_a_damaged_feed_is_not_said_to_be_the_store_s_fault(published, tmp_path):
    bucket = next((published / "feed" / "one").glob("*.parquet"))
    bucket.write_bytes(bucket.read_bytes()[:100])
    with pytest.raises(InputError, match=rf"{bucket.name} cannot be read \("):
        copy_feed(published, str(tmp_path / "copy"))


@pytest.mark.parametrize("url", ["s3://no-such-bucket/x", "nothing://x/y"])
def test_a_store_that_is_not_there_is_one_line(published, bucket, url):
    with pytest.raises(InputError, match=f"export: {url} cannot be written: ") as caught:
        copy_feed(published, url)
    assert "\n" not in str(caught.value)
