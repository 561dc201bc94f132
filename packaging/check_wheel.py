"""Check the contents of wheels.

    python packaging/check_wheel.py SDIST WHEEL ...

A wheel must hold the Python files of its source distribution, unchanged, one extension
module and the metadata, and no other file. It must not contain a path of the machine
that built it. The extension must need no library and no version of a symbol that the
tags of the wheel do not allow. Needs pyelftools.
"""

import base64
import csv
import email
import hashlib
import re
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from check_binary import binary_findings

PACKAGE = "pybackprop"
# Files that Python imports or that type checkers read.
PACKED = {".py", ".pyi", ".typed"}
DESCRIPTION = {"METADATA", "WHEEL", "RECORD", "top_level.txt", "licenses/LICENSE"}
NAME = re.compile(
    r"(?P<name>\w+)-(?P<version>[^-]+)-(?P<python>cp3\d+)-(?P<abi>cp3\d+)-"
    r"(?P<platform>[\w.]+)\.whl"
)
PLATFORM = re.compile(r"manylinux_2_(?P<glibc>\d+)_(?P<machine>x86_64|aarch64)")
OLD_PLATFORM = re.compile(r"manylinux2014_(x86_64|aarch64)")  # an alias of 2_17
# Folders of users, of build machines and of temporary files.
FOLDERS = rb"(?<![\w.])/(?:root|home|Users|tmp|builds?|work|opt)/[\w.]"


def content_of_sdist(path):
    """Yield name and content of each file of the package, and of PKG-INFO."""
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            name = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            packed = name.parts[:1] == (PACKAGE,) and name.suffix in PACKED
            if member.isfile() and (packed or str(name) == "PKG-INFO"):
                yield str(name), archive.extractfile(member).read()


def name_findings(parts, info, version):
    """Check the tags: one CPython with its ABI, one machine, the same in WHEEL."""
    if parts["name"] != PACKAGE or parts["version"] != version:
        yield f"its name says {parts['name']} {parts['version']}, not {version}"
    if parts["python"] != parts["abi"]:
        yield f"it is for {parts['python']} with the ABI of {parts['abi']}"
    platforms = parts["platform"].split(".")
    for platform in platforms:
        if not PLATFORM.fullmatch(platform) and not OLD_PLATFORM.fullmatch(platform):
            yield f"{platform} is not a manylinux platform"
    wanted = {f"{parts['python']}-{parts['abi']}-{platform}" for platform in platforms}
    said = email.message_from_bytes(info)
    if set(said.get_all("Tag", [])) != wanted:
        yield f"WHEEL says {said.get_all('Tag')}, the name {sorted(wanted)}"
    if said["Root-Is-Purelib"] != "false":
        yield "WHEEL declares that it has no extension"


def content_findings(held, sdist, suffix):
    """Check that a wheel holds the files of the package, unchanged, and no other."""
    extension = f"{PACKAGE}/_core{suffix}"
    version = email.message_from_bytes(sdist["PKG-INFO"])["Version"]
    described = {f"{PACKAGE}-{version}.dist-info/{name}" for name in DESCRIPTION}
    packed = sdist.keys() - {"PKG-INFO"}
    for name in sorted(held.keys() - packed - described - {extension}):
        yield f"{name} does not belong there"
    for name in sorted((packed | described | {extension}) - held.keys()):
        yield f"{name} is missing"
    for name in sorted(packed & held.keys()):
        if held[name] != sdist[name]:
            yield f"{name} differs from the source distribution"
    metadata = held.get(f"{PACKAGE}-{version}.dist-info/METADATA")
    if metadata is not None and metadata != sdist["PKG-INFO"]:
        yield "METADATA differs from the source distribution's PKG-INFO"


def record_findings(held):
    """Check that RECORD has every file with its hash."""
    (name,) = (name for name in held if name.endswith(".dist-info/RECORD"))
    recorded = {row[0]: row[1] for row in csv.reader(held[name].decode().splitlines())}
    for path in sorted(recorded.keys() ^ held.keys()):
        yield f"{path} is only in one of RECORD and the archive"
    for path in sorted(recorded.keys() & held.keys() - {name}):
        digest = base64.urlsafe_b64encode(hashlib.sha256(held[path]).digest())
        if recorded[path] != f"sha256={digest.rstrip(b'=').decode()}":
            yield f"{path} does not have the hash in RECORD"


def path_findings(held):
    """Find paths of a machine in any file: home and temporary folders."""
    tree = Path(__file__).resolve().parents[1]
    here = {str(tree), str(Path.home()), tempfile.gettempdir()}
    literal = [re.escape(f"{folder}/".encode()) for folder in sorted(here - {"/"})]
    pattern = re.compile(b"|".join([FOLDERS, *literal]))
    for name, data in held.items():
        if match := pattern.search(data):
            around = data[match.start() : match.start() + 60]
            yield f"{name} contains a path of a machine: {around!r}"


def findings(wheel, sdist):
    """Return the faults of a wheel that was built from ``sdist``, as lines of text."""
    match = NAME.fullmatch(wheel.name)
    if match is None:
        return [f"{wheel.name} is not the name of a wheel for one CPython"]
    with zipfile.ZipFile(wheel) as archive:
        held = {n: archive.read(n) for n in archive.namelist() if not n.endswith("/")}
    sdist = dict(content_of_sdist(sdist))
    version = email.message_from_bytes(sdist["PKG-INFO"])["Version"]
    platform = PLATFORM.search(match["platform"])
    if platform is None:
        return [f"{wheel.name} is not for a manylinux platform"]
    minor = match["python"].removeprefix("cp")
    suffix = f".cpython-{minor}-{platform['machine']}-linux-gnu.so"
    info = held.get(f"{PACKAGE}-{version}.dist-info/WHEEL", b"")
    found = [
        *name_findings(match, info, version),
        *content_findings(held, sdist, suffix),
        *path_findings(held),
    ]
    if f"{PACKAGE}-{version}.dist-info/RECORD" in held:
        found += record_findings(held)
    extension = held.get(f"{PACKAGE}/_core{suffix}")
    if extension is not None:
        glibc = (2, int(platform["glibc"]))
        found += binary_findings(extension, platform["machine"], glibc)
    return found


def main():
    sdist, *wheels = map(Path, sys.argv[1:])
    if not wheels:
        sys.exit(__doc__)
    failed = False
    for wheel in wheels:
        found = findings(wheel, sdist)
        print("\n  ".join([f"{wheel.name}: {'failed' if found else 'passed'}", *found]))
        failed |= bool(found)
    sys.exit(failed)


if __name__ == "__main__":
    main()
