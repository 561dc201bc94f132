"""Lists the peers in peers/ and finds the installed ones."""

import importlib
import importlib.metadata

from runner import HERE, PeerError, Worker

OURS = "pybackprop"


def listed():
    """Return the file names of all peers, pybackprop first."""
    names = sorted(path.stem for path in (HERE / "peers").glob("[a-z]*.py"))
    return sorted(names, key=lambda name: name != OURS)


def chosen(wanted):
    """Return the peers of a list such as ``["scikit-learn"]``, and pybackprop.

    An empty list selects all peers.
    """
    wanted = {name.replace("-", "_") for name in wanted}
    unknown = wanted - set(listed())
    if unknown:
        raise SystemExit(f"unknown peers: {sorted(unknown)}; choose from {listed()}")
    return [name for name in listed() if name == OURS or not wanted or name in wanted]


def answer(peer):
    """Return the name and the versions of a peer, or why its import failed."""
    try:
        module = importlib.import_module(f"peers.{peer}")
    except ImportError as error:
        return {"absent": str(error)}
    versions = {}
    for package in module.PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "in place"  # built in the source tree
    return {"name": module.NAME, "versions": versions}


def look(names):
    """Return installed peers with name and versions, and absent ones with reason."""
    installed, absent = {}, {}
    for name in names:
        with Worker("peers_here") as worker:
            try:
                reply = worker.ask(peer=name)
            except PeerError as error:
                reply = {"absent": str(error)}
        if "absent" in reply:
            absent[name] = reply["absent"]
        else:
            installed[name] = {key: reply[key] for key in ("name", "versions")}
    return installed, absent
