#!/bin/sh
# Builds CPython 3.13 without the global interpreter lock into the directory $1, from the
# source package of the Debian suite $2. It is downloaded from the mirror that apt uses.
# Further arguments go to CPython's configure. Needs a C compiler, make, dpkg-dev and the
# headers for the modules that are imported below.
set -eu

prefix=$1 suite=$2
shift 2
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
trap 'exit 1' INT TERM HUP

for tool in apt-get dpkg-source; do
    command -v $tool >/dev/null || {
        echo "$tool is not installed: give a free-threaded Python of your own," \
            "make test-free-threaded FREE_THREADED=/path/to/python3.13t" >&2
        exit 1
    }
done

# Uses separate lists, so that the package lists of the system do not change.
mirror=$(apt-get indextargets --format '$(REPO_URI)' "Origin: Debian" | head -n 1)
mkdir -p "$here/lists/partial" "$here/cache/archives/partial"
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
    "${mirror:?no Debian mirror among the sources of apt} $suite main" >"$here/sources.list"
private_apt() {
    apt-get -q -o Dir::Etc::sourcelist="$here/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$here/lists" -o Dir::Cache="$here/cache" \
        -o APT::Sandbox::User=root "$@"
}
private_apt update
cd "$here"
private_apt source --download-only python3.13

# Debian's patches concern its own installation and are left out.
tar xf python3.13_*.orig.tar.?z
cd Python-3.13*
./configure --quiet --disable-gil --disable-test-modules --prefix="$prefix" "$@"
make -s -j"$(nproc)" >build.log 2>&1 || { tail -n 50 build.log; exit 1; }
rm -rf "$prefix"
make -s install >install.log 2>&1 || { tail -n 50 install.log; exit 1; }
"$prefix/bin/python3.13t" -c '
import ctypes, ssl, sqlite3, bz2, lzma, zlib  # not built if their headers are missing
import sys
assert not sys._is_gil_enabled()
print(sys.version)'
