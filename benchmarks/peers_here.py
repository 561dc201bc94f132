"""The peers that are listed in peers/, and which of them are installed."""

import importlib
import importlib.metadata

from runner import HERE, PeerError, Worker

OURS = "pybackprop"


def listed():
    """File names of all peers, ours first."""
    names = sorted(path.stem for path in (HERE / "peers").glob("[a-z]*.py"))
    return sorted(names, key=lambda name: name != OURS)


def chosen(wanted):
    """The peers of a list such as ``["scikit-learn"]`` (none: all), and always ours."""
    wanted = {name.replace("-", "_") for name in wanted}
    unknown = wanted - set(listed())
    if unknown:
        raise SystemExit(f"no such peer: {sorted(unknown)}; there are {listed()}")
    return [name for name in listed() if name == OURS or not wanted or name in wanted]


def answer(peer):
    """The name and the versions of a peer, or what keeps it from being imported."""
    try:
        module = importlib.import_module(f"peers.{peer}")
    except ImportError as error:
        return {"absent": str(error)}
    versions = {}
    for package in module.PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "in place"  # built in the tree, not installed
    return {"name": module.NAME, "versions": versions}


def look(names):
    """(installed peers with their names and versions, absent ones with the reason)."""
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
