"""Build a distribution twice, under circumstances that have nothing to do with it.

Another folder, another time, another umask, time zone, language and order of hashes:
the bytes are to be those of the first build, SOURCE_DATE_EPOCH being the same.
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
    """Build an sdist or a wheel of a folder, and return the one file that it made."""
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
    """Let every file look as if it had been written long ago."""
    for path in folder.rglob("*"):
        os.utime(path, (1e9, 1e9), follow_symlinks=False)


def build_twice(kind, provide, folder, epoch):
    """Two builds of the sources that provide(folder, umask) puts into a folder."""

    def one(place, circumstances, seconds):
        time.sleep(seconds)
        place.mkdir(parents=True)
        source = provide(place, circumstances["umask"])
        if seconds:
            age(source)
        return build(kind, source, place / "made", epoch, **circumstances)

    # Beside each other, but not at the same time: a date in the bytes has seconds.
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(one, folder / kind, PLAIN, 0)
        second = pool.submit(one, folder / "some" / "where" / kind, OTHERS, 3)
        return first.result(), second.result()


def members(path):
    """{name: (what the archive says of a member, its bytes)}, in order."""
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
    """What tells two archives apart, in words; nothing if they are the same bytes."""
    if one.read_bytes() == other.read_bytes():
        return []
    here, there = members(one), members(other)
    faults = [f"{name} is in one only" for name in sorted(here.keys() ^ there.keys())]
    for name in here.keys() & there.keys():
        (said, content), (said_there, content_there) = here[name], there[name]
        faults += [
            f"{name}: {what} {said[what]} and {said_there[what]}"
            for what in said
            if said[what] != said_there[what]
        ]
        if content != content_there:
            faults.append(f"{name} has other bytes")
    if not faults and list(here) != list(there):
        faults.append("the members have another order")
    return sorted(faults) or [
        "the members are the same, the archive around them is not"
    ]
