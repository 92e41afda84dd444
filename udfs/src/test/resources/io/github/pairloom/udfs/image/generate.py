"""Writes the golden files beside it, with Pillow and NumPy as the reference.

Made with Python 3.11, Pillow 9.4.0 (libjpeg-turbo 2.1.5, libwebp 1.2.4) and NumPy 1.24.2 (Debian 12):

    apt-get install python3-pil python3-numpy webp && /usr/bin/python3 generate.py

The pictures that are resampled are not stored: GoldenImages.java makes them by the same formula.
"""

import hashlib
import struct
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent


def picture(width, height):
    """A gradient under a pattern of full contrast, so that clipping and every channel matter."""
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    pattern = (x * (c + 3) + y * (7 - c) + x * y) % 256
    blocks = ((x // 5 + y // 3 + c) % 2) * 255
    return Image.fromarray(((pattern + 2 * blocks) // 3).astype(np.uint8))


def smooth(width, height):
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    return Image.fromarray(((x * (5 - c) + y * (2 + c) + 40 * c) % 200 + 20).astype(np.uint8))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def resampling():
    sizes = [
        ((37, 23), (16, 11)),
        ((37, 23), (64, 48)),
        ((37, 23), (37, 50)),
        ((37, 23), (5, 23)),
        ((37, 23), (1, 1)),
        ((37, 23), (37, 23)),
        ((640, 427), (384, 384)),
        ((500, 333), (504, 336)),
        ((1, 1), (7, 5)),
    ]
    lines = ["# code width height new_width new_height sha256_of_rgb"]
    for code in range(6):
        for size, new in sizes:
            resized = picture(*size).resize(new, code)
            lines.append(f"{code} {size[0]} {size[1]} {new[0]} {new[1]} {sha256(resized.tobytes())}")
    (HERE / "resampled.txt").write_text("\n".join(lines) + "\n")


CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
HALF = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])


def processed(image, size, crop, resample, mean, std):
    """transformers' image_transforms: resize, center_crop, rescale and normalize, on NumPy."""
    if isinstance(size, int):
        short, long = sorted(image.size)
        other = int(size * long / short)
        size = (size, other) if image.width <= image.height else (other, size)
    pixels = np.array(image.resize(size, resample))
    if crop:
        height, width = pixels.shape[:2]
        top, left = (height - crop) // 2, (width - crop) // 2
        padded = np.zeros((max(crop, height), max(crop, width), 3), np.uint8)
        down, right = -((height - padded.shape[0]) // 2), -((width - padded.shape[1]) // 2)
        padded[down : down + height, right : right + width] = pixels
        pixels = padded[top + down : top + down + crop, left + right : left + right + crop]
    pixels = (pixels * 0.00392156862745098).astype(np.float32)
    pixels = (pixels - np.array(mean, np.float32)) / np.array(std, np.float32)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def preprocessing():
    cases = {
        "clip-336": (336, 336, 3, *CLIP),
        "siglip-384": ((384, 384), None, 3, *HALF),
        "clip-crop-beyond": (20, 33, 2, *CLIP),
    }
    lines = ["# case width height shape sha256_of_float32"]
    for name, case in cases.items():
        for size in [(640, 427), (300, 451), (30, 47)]:
            tensor = processed(picture(*size), *case)
            shape = "x".join(map(str, tensor.shape))
            lines.append(
                f"{name} {size[0]} {size[1]} {shape} {sha256(tensor.astype('<f4').tobytes())}"
            )
    (HERE / "preprocessed.txt").write_text("\n".join(lines) + "\n")


def save(name, image, **options):
    image.save(HERE / name, **options)


def chunks(webp):
    at = 12
    while at < len(webp):
        length = struct.unpack_from("<I", webp, at + 4)[0]
        yield webp[at : at + 4], webp[at + 8 : at + 8 + length]
        at += 8 + length + (length & 1)


def with_raw_alpha(webp, alpha, method):
    """Replaces compressed alpha by plain bytes under one of the four filters."""
    height, width = alpha.shape
    a = alpha.astype(int)
    left = np.pad(a, ((0, 0), (1, 0)))[:, :-1]
    above = np.pad(a, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(a, ((1, 0), (1, 0)))[:-1, :-1]
    predicted = [a * 0, left, above, np.clip(left + above - corner, 0, 255)][method]
    if method:
        predicted[0], predicted[:, 0] = left[0], above[:, 0]
        predicted[0, 0] = 0
    raw = bytes([method << 2]) + ((a - predicted) % 256).astype(np.uint8).tobytes()
    body = b"WEBP"
    for name, data in chunks(webp):
        data = raw if name == b"ALPH" else data
        body += name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def on_white(image):
    rgba = np.array(image.convert("RGBA")).astype(int)
    rgb, alpha = rgba[..., :3], rgba[..., 3:]
    return ((rgb * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def files():
    image = smooth(33, 21)
    save("baseline-420.jpg", image, quality=85)
    save("baseline-444.jpg", image, quality=90, subsampling=0)
    save("progressive.jpg", image, quality=85, progressive=True)
    save("grey.jpg", image.convert("L"), quality=90)
    save("cmyk.jpg", image.convert("CMYK"), quality=90)
    # The same data, read as YCCK.
    cmyk = (HERE / "cmyk.jpg").read_bytes()
    adobe = cmyk.index(b"Adobe")
    (HERE / "ycck.jpg").write_bytes(cmyk[: adobe + 11] + b"\2" + cmyk[adobe + 12 :])

    rgba = smooth(33, 21).convert("RGBA")
    alpha = np.add.outer(np.arange(21) * 9, np.arange(33) * 5) % 256
    rgba.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    save("lossless.webp", image, lossless=True)
    save("lossless-alpha.webp", rgba, lossless=True, exact=True)
    save("lossy.webp", image, quality=90)
    save("lossy-alpha.webp", rgba, quality=90)
    save("lossy-fast.webp", picture(75, 50), quality=60, method=0)
    save("lossy-coarse.webp", picture(75, 50), quality=5, method=6)
    save("lossless-fast.webp", picture(75, 50), lossless=True, method=0, quality=0)
    save("lossless-slow.webp", picture(75, 50), lossless=True, method=6, quality=100)
    save("lossless-palette.webp", picture(75, 50).quantize(13).convert("RGB"), lossless=True)
    # Pillow cannot ask for the simple filter of VP8.
    save("source.png", picture(75, 50))
    simple = "cwebp -quiet -q 30 -f 80 -sharpness 3 -nostrong -segments 4 source.png -o lossy-simple.webp"
    subprocess.run(simple.split(), cwd=HERE, check=True)
    (HERE / "source.png").unlink()
    lossy = (HERE / "lossy-alpha.webp").read_bytes()
    for method in range(4):
        (HERE / f"raw-alpha-{method}.webp").write_bytes(
            with_raw_alpha(lossy, alpha.astype(np.uint8), method)
        )
    save("animated.webp", rgba, lossless=True, exact=True, save_all=True, append_images=[image])
    save("palette-alpha.png", rgba.quantize(16))
    save("grey-alpha.png", rgba.convert("LA"))

    lines = ["# file width height sha256_of_rgb, as Pillow decodes it, on white"]
    for path in sorted(HERE.iterdir()):
        if path.suffix in (".jpg", ".webp", ".png"):
            decoded = Image.open(path)
            rgb = np.array(decoded.convert("RGB")) if decoded.mode == "CMYK" else on_white(decoded)
            lines.append(f"{path.name} {decoded.width} {decoded.height} {sha256(rgb.tobytes())}")
    (HERE / "decoded.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    resampling()
    preprocessing()
    files()
