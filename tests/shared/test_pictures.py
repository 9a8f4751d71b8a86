"""Pictures from outside: whatever is sent, what is kept is a small still picture, or nothing."""

import io
import random
import struct
import zlib

import pytest
from PIL import Image, ImageCms

from shared import pictures
from shared.pictures import (
    PictureAnimated,
    PictureTooLarge,
    PictureTooSmall,
    PictureUnreadable,
    made_anew,
)


def drawn(mode="RGB", size=(1300, 720), color="teal"):
    return Image.new(mode, size, color)


def file_of(image, kind="JPEG", **how):
    out = io.BytesIO()
    image.save(out, kind, **how)
    return io.BytesIO(out.getvalue())


def opened(made):
    return Image.open(io.BytesIO(made.content))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_kept_in_two_sizes(kind):
    small, large = made_anew(file_of(drawn(), kind))

    assert (small.width, small.height, large.width, large.height) == (640, 355, 1280, 709)
    for made in (small, large):
        assert (opened(made).format, opened(made).size) == ("WEBP", (made.width, made.height))
        assert len(made.digest) == 32


def test_what_is_small_already_is_not_blown_up():
    small, large = made_anew(file_of(drawn(size=(700, 400))))

    assert (small.width, large.width) == (640, 700)


def test_nothing_but_the_picture_is_kept():
    told = Image.Exif()
    told[0x010F], told[0x8825] = "CAMERA-MARK", {1: "N", 2: (48.0, 51.0, 24.0)}
    file = file_of(drawn(), exif=told, comment=b"COMMENT-MARK")

    for made in made_anew(file):
        assert b"MARK" not in made.content and b"EXIF" not in made.content
        assert not dict(opened(made).getexif())


def test_a_picture_held_sideways_is_set_upright():
    picture = drawn(size=(1600, 900))
    picture.paste("red", (0, 0, 1600, 200))  # the top, which the camera had to the right
    told = Image.Exif()
    told[0x0112] = 6

    _, large = made_anew(file_of(picture, exif=told, quality=95))

    seen = opened(large).convert("RGB")
    assert seen.size == (720, 1280)
    assert seen.getpixel((700, 640))[0] > 200 and seen.getpixel((20, 640))[0] < 60


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_colours_of_other_kinds_are_shown_as_screens_do(mode):
    picture = drawn("RGB", color=(200, 40, 40)).convert(mode)

    _, large = made_anew(file_of(picture, quality=95))

    wanted = picture.convert("RGB").getpixel((5, 5))
    seen = opened(large).convert("RGB").getpixel((5, 5))
    assert all(abs(one - other) < 12 for one, other in zip(wanted, seen, strict=True))


def test_what_shines_through_is_set_on_white():
    for picture in (drawn("RGBA", color=(0, 0, 0, 0)), drawn("RGBA", color=(0, 0, 0, 0)).quantize()):
        _, large = made_anew(file_of(picture, "PNG"))
        assert min(opened(large).convert("RGB").getpixel((9, 9))) > 250


@pytest.mark.parametrize(
    "profile", [ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"no"]
)
def test_a_profile_of_colours_is_used_and_not_kept_and_a_broken_one_stops_nothing(profile):
    _, large = made_anew(file_of(drawn(color="red"), icc_profile=profile))

    assert "icc_profile" not in opened(large).info
    assert opened(large).convert("RGB").getpixel((9, 9))[0] > 240


def test_noise_is_kept_within_its_weight(monkeypatch):
    monkeypatch.setattr(pictures, "KEPT_MAX_BYTES", 50_000)
    noise = Image.frombytes("RGB", (800, 400), random.Random(5).randbytes(800 * 400 * 3))

    assert all(len(made.content) <= 50_000 for made in made_anew(file_of(noise, "PNG")))


def bomb(width, height):
    """A PNG whose head promises so many pixels, in a few hundred bytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


def moving(kind):
    frames = [drawn(color=color) for color in ("red", "blue")]
    return file_of(frames[0], kind, save_all=True, append_images=frames[1:]).getvalue()


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (b"", PictureUnreadable),
        (b"<!doctype html><script>alert(1)</script>", PictureUnreadable),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", PictureUnreadable),
        (b"GIF89a" + b"\0" * 99, PictureUnreadable),
        (b"\xff\xd8\xff\xe0" + b"\0" * 99, PictureUnreadable),
        (file_of(drawn(size=(1600, 900)), "PNG").getvalue()[:300], PictureUnreadable),
        (file_of(drawn(), "BMP").getvalue(), PictureUnreadable),
        (bomb(20_000, 20_000), PictureTooLarge),
        (bomb(6_000, 5_000), PictureTooLarge),
        (bomb(2_000, 1_000), PictureUnreadable),
        (bomb(0, 0), PictureUnreadable),
        (moving("WEBP"), PictureAnimated),
        (moving("PNG"), PictureAnimated),
        (file_of(drawn(size=(300, 900))).getvalue(), PictureTooSmall),
        (file_of(drawn(size=(1, 1)), "PNG").getvalue(), PictureTooSmall),
    ],
)
def test_what_is_no_still_picture_of_a_sound_size_is_refused(content, refused):
    with pytest.raises(refused) as caught:
        made_anew(io.BytesIO(content))

    assert type(caught.value) is refused


def test_a_photo_of_a_telephone_that_holds_another_beside_it_is_one_photo():
    photos = [drawn(color=color) for color in ("red", "blue")]
    file = file_of(photos[0], "MPO", save_all=True, append_images=photos[1:])

    _, large = made_anew(file)

    assert opened(large).convert("RGB").getpixel((9, 9))[0] > 200


def test_pictures_are_made_one_at_a_time_and_who_waits_too_long_is_told(monkeypatch):
    monkeypatch.setattr(pictures, "TURN_WITHIN_S", 0)
    pictures._turn.acquire()
    try:
        with pytest.raises(pictures.PicturesBusy):
            made_anew(file_of(drawn()))
    finally:
        pictures._turn.release()
    assert made_anew(file_of(drawn()))
