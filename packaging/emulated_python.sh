#!/bin/sh
# A Python for another processor, with packages, that runs here in an emulator:
#
#     packaging/emulated_python.sh FOLDER VERSION SDIST_OR_WHEEL ...
#
# makes FOLDER/python, a program like any other interpreter, also for those that start
# sys.executable again. The interpreter and the libraries are Debian's, unpacked and not
# installed: apt is given folders of its own in FOLDER, where nothing is installed yet, so
# that it fetches all that the interpreter stands on. VERSION is the one that this
# machine's Debian has. Packages for Python are wheels from the usual index.
set -eu

machine=aarch64 debian=arm64
folder=$1 version=$2
shift 2

for tool in apt-get dpkg-deb qemu-$machine; do
    command -v $tool >/dev/null || {
        echo "$tool is not here: this needs Debian, with qemu-user" >&2
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
    # libstdc++ is what NumPy's and SciPy's wheels expect of a system.
    apt-get -qq -y --download-only install "python$version" libstdc++6 >/dev/null
    mkdir "$folder/root"
    for package in "$folder"/apt/archives/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
    # The emulator takes a path from here where it exists, and else from this machine:
    # these keep this machine's own packages out.
    mkdir -p "$folder/root/usr/lib/python3/dist-packages" \
        "$folder/root/usr/local/lib/python$version/dist-packages"
    touch "$folder/unpacked"
fi

# Nothing here says what the emulated processor is but the name that it is started by.
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
