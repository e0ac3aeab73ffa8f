"""Image folders and files of known content that the tests make."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write an IDX file, gzipped if its name ends so."""
    raw = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


def photograph(rng: np.random.Generator, height: int, width: int, hue: int) -> Image.Image:
    """Return a smooth image whose colour tells its class, with a little noise."""
    rows, columns = np.mgrid[0:height, 0:width]
    colour = np.array([(hue * 85) % 256, (hue * 170 + 40) % 256, 255 - (hue * 60) % 256])
    shade = 0.75 + 0.25 * np.sin(rows / height * 3 + columns / width * 2 + rng.uniform(0, 6))
    pixels = shade[..., None] * colour + rng.normal(0, 8, (height, width, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def imagenet_layout(
    folder: Path,
    classes: int = 3,
    train: int = 8,
    val: int = 3,
    size: tuple[int, int] = (280, 340),
    seed: int = 0,
) -> Path:
    """Make train/<class>/*.JPEG and val/<class>/*.JPEG of photographs of several sizes, some greyscale."""
    rng = np.random.default_rng(seed)
    for part, number in (("train", train), ("val", val)):
        for label in range(classes):
            place = folder / part / f"n{label:08d}"
            place.mkdir(parents=True)
            for k in range(number):
                height, width = size if k % 2 else size[::-1]
                image = photograph(rng, height, width, label)
                if k % 4 == 3:
                    image = image.convert("L")
                image.save(place / f"n{label:08d}_{k}.JPEG", quality=92)
    return folder


def part_of(folder: Path, every: int, out: Path) -> Path:
    """Link every so-manieth file of each folder of images below ``folder`` into the same place of ``out``."""
    for place, _, names in os.walk(folder):
        there = out / Path(place).relative_to(folder)
        there.mkdir(parents=True, exist_ok=True)
        images = sorted(name for name in names if not name.endswith(".txt"))
        for name in [*images[::every], *(name for name in names if name.endswith(".txt"))]:
            (there / name).symlink_to(Path(place) / name)
    return out


def real_data(name: str, scratch: Path) -> Path:
    """Return the folder of real data below BURSTPROP_DATA, unpacked if need be; skip the test without it."""
    root = os.environ.get("BURSTPROP_DATA")
    if not root:
        pytest.skip(f"real data: BURSTPROP_DATA names no folder with {name}")
    folder, archive = Path(root) / name, Path(root) / f"{name}.tar"
    if folder.is_dir():
        return folder
    if not archive.is_file():
        pytest.skip(f"real data: {folder} and {archive} are not there")
    if not (scratch / name).is_dir():
        # 60,000 files: Python's tarfile takes six times as long
        subprocess.run(["tar", "-xf", str(archive), "-C", str(scratch)], check=True)
    return scratch / name
