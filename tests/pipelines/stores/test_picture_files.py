"""Picture paths stay inside their root, and the root is never wider than the pictures need."""

import os
from pathlib import Path

import pytest

from features.schema import InputError
from pipelines.stores.picture_files import picture_root, resolve_picture


@pytest.fixture
def shop(tmp_path):
    """`top/mid/shop` with pictures at each of the three levels."""
    shop = tmp_path / "top" / "mid" / "shop"
    shop.mkdir(parents=True)
    for folder, name in ((shop, "own"), (shop.parent, "mid"), (shop.parent.parent, "top")):
        for number in range(3):
            (folder / f"{name}{number}.jpg").write_bytes(b"x")
    (shop.parent / "own0.jpg").write_bytes(b"x")
    return shop


def _three(name):
    return [f"{name}{number}.jpg" for number in range(3)]


@pytest.mark.parametrize(
    ("paths", "level"),
    [
        (_three("own"), 0),
        (["own0.jpg"], 0),
        (_three("mid"), 1),
        (_three("top"), 2),
        # A few that are nowhere are those pictures' own trouble.
        ([*_three("mid"), "none.jpg", "../mid0.jpg", "/etc/passwd", "a\0b"], 1),
        # No folder holds both, and no path may choose a wider one for the rest.
        ([*_three("own"), "mid0.jpg"], 0),
        (["own0.jpg", "top1.jpg"], 0),
        # One stray path does not open a folder that most of the pictures are not in.
        (["top1.jpg", "none.jpg", "nothing.jpg"], 0),
        ([], 0),
    ],
)
def test_the_root_is_the_nearest_folder_that_holds_all_pictures(shop, paths, level):
    expected = (shop, *shop.parents)[level]
    assert picture_root(paths, shop) == expected


def test_nothing_above_two_parents_is_a_root_nor_is_the_file_system(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    deep = tmp_path / "1" / "2" / "3"
    deep.mkdir(parents=True)
    assert picture_root(["a.jpg"], deep) == deep
    assert picture_root(["a.jpg"], deep.parent) == tmp_path
    assert picture_root(["etc/passwd"], Path("/etc")) == Path("/etc").resolve()


def test_a_folder_that_is_named_is_the_root(shop):
    assert picture_root(_three("own"), shop, shop.parent) == shop.parent
    assert picture_root(_three("top"), shop, shop.parent.parent) == shop.parent.parent
    assert picture_root(["none.jpg"], shop, shop.parent) == shop.parent
    # Looks that are kept beside their own table, and not with the products' photos.
    assert picture_root(_three("own")[1:], shop, shop.parent) == shop
    with pytest.raises(InputError, match="is no folder"):
        picture_root([], shop, shop / "own0.jpg")
    with pytest.raises(InputError, match="is no folder"):
        picture_root([], shop, shop / "none")


@pytest.mark.parametrize(
    "path",
    ["own0.jpg", "./own0.jpg", "sub/a b.jpg", "sub\\a b.jpg", "sub//a b.jpg", "{root}/own0.jpg"],
)
def test_a_path_inside_the_root_is_found(shop, path):
    (shop / "sub").mkdir()
    (shop / "sub" / "a b.jpg").write_bytes(b"x")
    found = resolve_picture(path.format(root=shop), shop)
    assert found.is_file()
    assert found.is_relative_to(shop)


def test_a_long_path_of_short_names_is_found(shop):
    folder = shop.joinpath(*["d" * 40] * 7)
    folder.mkdir(parents=True)
    (folder / "p.jpg").write_bytes(b"x")
    assert resolve_picture(str((folder / "p.jpg").relative_to(shop)), shop) == folder / "p.jpg"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../mid0.jpg", "unsafe path"),
        ("..\\mid0.jpg", "unsafe path"),
        ("a/../../mid0.jpg", "unsafe path"),
        ("sub/../own0.jpg", "unsafe path"),
        ("/etc/passwd", "unsafe path"),
        ("\\\\server\\share\\a.jpg", "unsafe path"),
        ("C:\\photos\\a.jpg", "unsafe path"),
        ("c:/photos/a.jpg", "unsafe path"),
        ("", "unsafe path"),
        (".", "unsafe path"),
        ("/", "unsafe path"),
        ("own0.jpg\0.png", "unsafe path"),
        ("{root}/../mid0.jpg", "unsafe path"),
        ("https://shop.example/a.jpg", "web address"),
        ("file:///etc/passwd", "web address"),
        ("n" * 256, "256 in one name"),
        ("é" * 128, "256 in one name"),
        ("/".join(["d" * 200] * 30), "bytes"),
        ("etc/passwd", "no file"),
        ("own0.jpg/a.jpg", "no file"),
        ("\ud800.jpg", "cannot be reached|no file"),
        ("folder", "no regular file"),
        ("pipe", "no regular file"),
        ("loop", "cannot be reached|no file"),
        ("link.jpg", "leaves"),
        ("linked/mid0.jpg", "leaves"),
        ("device", "leaves"),
        ("dangling", "no file"),
    ],
)
def test_a_path_that_is_unsafe_or_no_file_is_one_line(shop, path, message):
    (shop / "folder").mkdir()
    os.mkfifo(shop / "pipe")
    for name, target in (
        ("loop", "loop"),
        ("link.jpg", "../mid0.jpg"),
        ("linked", ".."),
        ("device", "/dev/zero"),
        ("dangling", "none.jpg"),
    ):
        (shop / name).symlink_to(target)
    with pytest.raises(InputError, match=message) as raised:
        resolve_picture(path.format(root=shop), shop)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 600


def test_links_that_stay_inside_and_a_root_that_is_a_link_are_followed(shop, tmp_path):
    (shop / "link.jpg").symlink_to("own0.jpg")
    (tmp_path / "door").symlink_to(shop)
    assert resolve_picture("link.jpg", tmp_path / "door") == shop / "own0.jpg"
    assert resolve_picture(f"{tmp_path}/door/own1.jpg", shop) == shop / "own1.jpg"
    assert picture_root(_three("own"), tmp_path / "door") == shop
