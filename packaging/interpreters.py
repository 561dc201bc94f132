"""Find an installed CPython interpreter of a version.

    python packaging/interpreters.py 3.11        prints its path, or fails

Searches PATH, then the versions of pyenv. Ignores interpreters without C headers and
those without the global interpreter lock.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROBE = """
import os, sys, sysconfig
assert sys.implementation.name == "cpython" and "%d.%d" % sys.version_info[:2] == {!r}
assert not sysconfig.get_config_var("Py_GIL_DISABLED")
assert os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
"""


def candidates(version):
    name = f"python{version}"
    if found := shutil.which(name):
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/{name}"))


def find(version):
    """Return the path of an interpreter of ``version``, such as "3.11", or None."""
    for path in candidates(version):
        # The command that pyenv puts on PATH fails for versions that are not selected.
        probe = [path, "-I", "-c", PROBE.format(version)]
        if subprocess.run(probe, capture_output=True).returncode == 0:
            return path
    return None


if __name__ == "__main__":
    interpreter = find(sys.argv[1])
    if interpreter is None:
        sys.exit(f"no CPython {sys.argv[1]} with its headers")
    print(interpreter)
