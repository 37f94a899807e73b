"""Videos: what was written is read back, by Pillow and by PyAV."""

import numpy as np
import pytest
from PIL import Image, ImageSequence

from local import video
from local.errors import InputError


def frames(count=6, height=32, width=48):
    """A bar that moves over a soft picture."""
    x, y = np.arange(width) / width * 200, np.arange(height) / height * 200
    soft = np.stack(np.broadcast_arrays(x[None], y[:, None], np.float64(90)), axis=-1)
    for i in range(count):
        frame = soft.astype(np.uint8)
        frame[:, i * 4 : i * 4 + 4] = (250, 240, 230)
        yield frame


def read(path):
    pictures, stays = [], []
    with Image.open(path) as opened:
        for frame in ImageSequence.Iterator(opened):  # the same object each time
            pictures.append(np.asarray(frame.convert("RGB")))
            stays.append(frame.info["duration"])
        return np.stack(pictures), stays, opened.info["loop"]


def read_mp4(path):
    """Its pictures, and rate, frames, codec and form, which are read while it is open."""
    av = pytest.importorskip("av")
    with av.open(str(path)) as container:
        (stream,) = container.streams
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        codec = stream.codec_context
        return np.stack(pictures), (stream.average_rate, stream.frames, codec.name, codec.pix_fmt)


@pytest.mark.parametrize(("kind", "close"), [("gif", 3), ("webp", 8)])
def test_a_loop_comes_back_frame_by_frame(kind, close, tmp_path):
    path = tmp_path / f"walk.{kind}"
    video.write(path, frames(), 25)
    pictures, stays, loop = read(path)
    expected = np.stack(list(frames()))
    assert pictures.shape == expected.shape
    assert np.abs(pictures.astype(int) - expected).mean() < close
    assert stays == [40] * 6
    assert loop == 0  # for ever
    again = tmp_path / f"again.{kind}"
    video.write(again, frames(), 25)
    assert again.read_bytes() == path.read_bytes()


def test_an_mp4_comes_back_frame_by_frame(tmp_path):
    path = tmp_path / "walk.MP4"
    video.write(path, frames(8, 64, 80), 20)
    pictures, facts = read_mp4(path)
    expected = np.stack(list(frames(8, 64, 80)))
    assert pictures.shape == expected.shape
    assert np.abs(pictures.astype(int) - expected).mean() < 8
    assert facts == (20, 8, "h264", "yuv420p")
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays before all of it is there


def test_an_mp4_of_odd_sides_loses_a_pixel(tmp_path):
    path = tmp_path / "odd.mp4"
    video.write(path, frames(3, 33, 47), 10)
    assert read_mp4(path)[0].shape == (3, 32, 46, 3)


@pytest.mark.parametrize("kind", video.KINDS)
def test_what_breaks_off_leaves_what_was_there(kind, tmp_path):
    path = tmp_path / f"walk{kind}"
    path.write_bytes(b"before")

    def broken():
        yield from frames(2)
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        video.write(path, broken(), 25)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "asked", "played"),
    [
        ("a.gif", 25, 25),
        ("a.gif", 30, 100 / 3),
        ("a.gif", 50, 50),
        ("a.GIF", 24, 25),
        ("a.webp", 24, 1000 / 42),
        ("a.mp4", 24, 24),
    ],
)
def test_the_rate_is_the_nearest_that_a_file_can_have(name, asked, played, tmp_path):
    assert video.rate(tmp_path / name, asked) == pytest.approx(played)


@pytest.mark.parametrize("name", ["walk.avi", "walk", "gif"])
def test_an_ending_that_is_no_video_is_refused(name, tmp_path):
    with pytest.raises(InputError, match=r"no kind of video; end its name in \.gif or"):
        video.check(tmp_path / name)


def test_an_mp4_without_its_package_is_refused_and_the_others_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs the package av with libx264; pip install av") as e:
        video.check(tmp_path / "walk.mp4")
    assert len(str(e.value).splitlines()) == 1
    video.check(tmp_path / "walk.gif")
    video.check(tmp_path / "walk.webp")


def test_an_mp4_without_its_encoder_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("av")
    monkeypatch.setattr(video, "ENCODER", "libnothing")
    with pytest.raises(InputError, match="libnothing"):
        video.check(tmp_path / "walk.mp4")
