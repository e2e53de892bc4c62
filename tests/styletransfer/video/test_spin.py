"""A spin's pictures are its frames, in the order a person would give them."""

import numpy as np
import pytest
from PIL import Image

from features.schema import ImageError, InputError
from styletransfer.video.spin import read_spin


def save(folder, name, size=(64, 48), level=0, mode="RGB"):
    Image.new(mode, size, (level,) * 3 + ((0,) if mode == "RGBA" else ())).save(folder / name)


def test_frames_come_in_the_order_of_their_numbers(tmp_path):
    for number in (10, 2, 1):
        save(tmp_path, f"mug-{number}.png", level=number)
    (tmp_path / ".hidden").write_text("no picture")
    frames = list(read_spin(tmp_path, 512))
    assert [int(frame.picture[0, 0, 0]) for frame in frames] == [1, 2, 10]
    assert [frame.pts for frame in frames] == [0, 1, 2]


def test_frames_are_scaled_and_keep_their_transparency(tmp_path):
    image = Image.new("RGBA", (96, 64), (9, 9, 9, 0))
    image.paste((200, 0, 0, 255), (0, 0, 48, 64))
    image.save(tmp_path / "1.png")
    (frame,) = read_spin(tmp_path, 48)
    assert frame.picture.shape == (32, 48, 3)
    assert frame.alpha is not None
    assert (frame.alpha[:, :20] > 250).all()
    assert (frame.alpha[:, 28:] < 5).all()


def test_frames_of_other_sizes_are_refused(tmp_path):
    save(tmp_path, "1.png")
    save(tmp_path, "2.png", (64, 64))
    with pytest.raises(InputError, match=r"2\.png is 64 x 64 px, expected 64 x 48 px"):
        list(read_spin(tmp_path, 512))


def test_an_empty_folder_and_what_is_no_picture_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no pictures"):
        list(read_spin(tmp_path, 512))
    (tmp_path / "1.png").write_bytes(np.arange(64, dtype=np.uint8).tobytes())
    with pytest.raises(ImageError):
        list(read_spin(tmp_path, 512))
