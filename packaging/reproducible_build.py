"""Build a distribution twice and compare the bytes.

The second build has another folder, time, umask, time zone, locale and hash seed, and
the same SOURCE_DATE_EPOCH.
"""

import os
import subprocess
import sys
import tarfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

PLAIN = {"umask": 0o022, "env": {"TZ": "UTC", "PYTHONHASHSEED": "0"}}
OTHERS = {
    "umask": 0o077,
    "env": {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "LC_ALL": "C", "USER": "other"},
}


def build(kind, source, into, epoch, *, umask, env):
    """Build an sdist or a wheel of a folder; return its path."""
    done = subprocess.run(
        [sys.executable, "-m", "build", f"--{kind}", "--outdir", into, source],
        env=os.environ | env | {"SOURCE_DATE_EPOCH": str(epoch)},
        umask=umask,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{done.stdout}\nThis {kind} could not be built.")
    (made,) = into.iterdir()
    return made


def age(folder):
    """Set the modification time of every file to a day in 2001."""
    for path in folder.rglob("*"):
        os.utime(path, (1e9, 1e9), follow_symlinks=False)


def build_twice(kind, provide, folder, epoch):
    """Build the sources that provide(folder, umask) creates, twice."""

    def one(place, circumstances, seconds):
        time.sleep(seconds)
        place.mkdir(parents=True)
        source = provide(place, circumstances["umask"])
        if seconds:
            age(source)
        return build(kind, source, place / "made", epoch, **circumstances)

    # At the same time, but started seconds apart: stored times would differ.
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(one, folder / kind, PLAIN, 0)
        second = pool.submit(one, folder / "some" / "where" / kind, OTHERS, 3)
        return first.result(), second.result()


def members(path):
    """Return {name: (metadata, content)} of an archive, in its order."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return {
                item.filename: (
                    {"date": item.date_time, "mode": oct(item.external_attr >> 16)},
                    archive.read(item),
                )
                for item in archive.infolist()
            }
    with tarfile.open(path) as archive:
        return {
            item.name: (
                {
                    "date": item.mtime,
                    "mode": oct(item.mode),
                    "owner": (item.uid, item.gid, item.uname, item.gname),
                },
                archive.extractfile(item).read() if item.isfile() else b"",
            )
            for item in archive
        }


def differences(one, other):
    """Describe the differences of two archives; empty if their bytes are equal."""
    if one.read_bytes() == other.read_bytes():
        return []
    here, there = members(one), members(other)
    faults = [
        f"{name} is in one archive only" for name in sorted(here.keys() ^ there.keys())
    ]
    for name in here.keys() & there.keys():
        (fields, content), (other_fields, other_content) = here[name], there[name]
        faults += [
            f"{name}: {field} {fields[field]} and {other_fields[field]}"
            for field in fields
            if fields[field] != other_fields[field]
        ]
        if content != other_content:
            faults.append(f"{name} differs")
    if not faults and list(here) != list(there):
        faults.append("the order of the members differs")
    return sorted(faults) or ["the members are equal, the container differs"]
