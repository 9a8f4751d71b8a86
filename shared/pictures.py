"""Pictures from outside, made anew: small enough to be served, upright, and with nothing else in the file.

What arrives may be anything under any name. It is read by its content alone, and judged by its head before a
pixel is unpacked. It is never handed on: what is kept is drawn anew, and no metadata, no place and no hidden
part goes with it.
"""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from threading import BoundedSemaphore
from typing import Any, BinaryIO

from shared.errors import Refused, Unavailable

FILE_MAX_BYTES = 8 * 1024 * 1024
KEPT_MAX_BYTES = 400_000
FORMATS = ("JPEG", "PNG", "WEBP")
PIXELS_MAX = 25_000_000
"""As many as a good telephone takes: unpacked, with what shines through, 100 MB, held twice for a moment."""
LEAST = (640, 320)
SIDES = (640, 1280)
"""The longest side of each size that is kept, the small one first."""
QUALITIES = (84, 60, 30)
MODES = ("L", "RGB", "RGBA", "CMYK")
TURN_WITHIN_S = 10
KIND = "image/webp"

_turn = BoundedSemaphore(1)


class PictureRefused(Refused):
    """This picture cannot be taken."""


class PictureUnreadable(PictureRefused):
    """This is no picture in JPEG, PNG or WebP, or it is damaged."""


class PictureAnimated(PictureRefused):
    """This picture moves; a still one is needed."""


class PictureTooLarge(PictureRefused):
    """This picture has more than 25 million pixels."""


class PictureTooSmall(PictureRefused):
    """This picture has less than 640 by 320 pixels."""


class PicturesBusy(Unavailable):
    """Other pictures are being made; try again in a few seconds."""


@dataclass(frozen=True)
class Made:
    """One size of a picture, as WebP; `digest` names its content."""

    content: bytes
    width: int
    height: int

    @property
    def digest(self) -> str:
        """128 bits of the SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()[:32]


def made_anew(file: BinaryIO) -> list[Made]:
    """The picture in each size, the small one first; PictureRefused for what is none.

    One at a time in a process: PicturesBusy when others take longer than one waits.
    """
    if not _turn.acquire(timeout=TURN_WITHIN_S):
        raise PicturesBusy
    try:
        return _sizes(file)
    except PictureRefused:
        raise
    except Exception:
        # A decoder that meets a broken file raises whatever it meets: OSError, SyntaxError, struct.error …
        raise PictureUnreadable from None
    finally:
        _turn.release()


def _sizes(file: BinaryIO) -> list[Made]:
    from PIL import Image, ImageOps

    try:
        image: Any = Image.open(file, formats=FORMATS)
    except Image.DecompressionBombError:
        raise PictureTooLarge from None
    with image:
        _judge(image)
        image.draft("RGB", (SIDES[-1], SIDES[-1]))
        profile = image.info.get("icc_profile")
        rough = _rough(image)
    plain = _flat(ImageOps.exif_transpose(rough))
    made = []
    for side in reversed(SIDES):
        plain.thumbnail((side, side))
        made.append(_written(_in_srgb(plain, profile)))
    return made[::-1]


def _judge(image: Any) -> None:
    """By what the head tells. A photo of a telephone may hold others beside it (MPO): it is one picture."""
    width, height = image.size
    if width * height > PIXELS_MAX:
        raise PictureTooLarge
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise PictureAnimated
    if max(width, height) < LEAST[0] or min(width, height) < LEAST[1]:
        raise PictureTooSmall


def _rough(image: Any) -> Any:
    """The picture at no more than twice the size that is kept: what follows costs little, whatever came."""
    kind = "RGBA" if image.has_transparency_data else image.mode
    seen = image if image.mode == kind and kind in MODES else image.convert(kind if kind in MODES else "RGB")
    return seen.reduce(max(1, max(seen.size) // (2 * SIDES[-1])))


def _flat(image: Any) -> Any:
    """The picture without transparency: on white, as on paper."""
    from PIL import Image

    if image.mode != "RGBA":
        return image
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def _in_srgb(image: Any, profile: bytes | None) -> Any:
    """The colours as every screen shows them; by the file's own profile where it has a sound one."""
    from PIL import ImageCms

    if profile:
        try:
            own = ImageCms.ImageCmsProfile(BytesIO(profile))
            screen = ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(image, own, screen, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image.convert("RGB")


def _written(image: Any) -> Made:
    """As WebP, as good as KEPT_MAX_BYTES lets it be; at half the size, what is mere noise."""
    for quality in QUALITIES:
        out = BytesIO()
        image.save(out, "WEBP", quality=quality, method=3, exif=b"", xmp=b"", icc_profile=b"")
        if out.tell() <= KEPT_MAX_BYTES:
            return Made(out.getvalue(), *image.size)
    return _written(image.reduce(2))
