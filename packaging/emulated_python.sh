#!/bin/sh
# Creates a Python with packages for another processor, which runs in an emulator:
#
#     packaging/emulated_python.sh FOLDER VERSION SDIST_OR_WHEEL ...
#
# FOLDER/python can be used like any interpreter, also as sys.executable. The interpreter
# and its libraries are packages of Debian, unpacked and not installed: apt works in FOLDER,
# where it knows no installed package, and so downloads all dependencies. VERSION must be
# that of this machine's Debian. Python packages are wheels from the default index.
set -eu

machine=aarch64 debian=arm64
folder=$1 version=$2
shift 2

for tool in apt-get dpkg-deb qemu-$machine; do
    command -v $tool >/dev/null || {
        echo "$tool is not installed: this needs Debian with qemu-user" >&2
        exit 1
    }
done
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

if [ ! -e "$folder/unpacked" ]; then
    rm -rf "$folder"/apt "$folder"/root
    mkdir -p "$folder"/apt/lists/partial "$folder"/apt/archives/partial "$folder"/apt/sources
    : >"$folder/apt/status"
    cp /etc/apt/sources.list.d/debian.sources "$folder/apt/sources/" 2>/dev/null || true
    [ ! -e /etc/apt/sources.list ] || cp /etc/apt/sources.list "$folder/apt/sources/sources.list"
    cat >"$folder/apt/conf" <<END
APT::Architecture "$debian";
APT::Architectures { "$debian"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Dir::State "$folder/apt";
Dir::State::status "$folder/apt/status";
Dir::Cache "$folder/apt";
Dir::Etc::sourcelist "$folder/apt/sources/sources.list";
Dir::Etc::sourceparts "$folder/apt/sources";
END
    export APT_CONFIG="$folder/apt/conf"
    apt-get -qq update
    # The wheels of NumPy and SciPy need libstdc++.
    apt-get -qq -y --download-only install "python$version" libstdc++6 >/dev/null
    mkdir "$folder/root"
    for package in "$folder"/apt/archives/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
    # The emulator looks up a path here first, then on this machine. These folders hide
    # this machine's own packages.
    mkdir -p "$folder/root/usr/lib/python3/dist-packages" \
        "$folder/root/usr/local/lib/python$version/dist-packages"
    touch "$folder/unpacked"
fi

# The folder must not be renamed: the script holds its path.
cat >"$folder/python" <<END
#!/bin/sh
here=$folder
export PYTHONPATH="\${PYTHONPATH:+\$PYTHONPATH:}\$here/site-packages" PYTHONNOUSERSITE=1
exec qemu-$machine -L "\$here/root" -0 "\$here/python" "\$here/root/usr/bin/python$version" "\$@"
END
chmod +x "$folder/python"

rm -rf "$folder/site-packages"
${PIP:-pip} install --disable-pip-version-check --quiet --target "$folder/site-packages" \
    --python-version "$version" --implementation cp --only-binary :all: \
    --platform manylinux_2_28_$machine --platform manylinux_2_27_$machine \
    --platform manylinux_2_17_$machine --platform manylinux2014_$machine "$@"
