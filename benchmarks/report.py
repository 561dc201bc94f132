"""Tables and a picture from what run.py wrote.

    python benchmarks/report.py

Puts the summary into README.md, between its two markers, and writes
results/report.md, with every part in full, and results/epochs.svg.  Text depends on
the JSON files alone.
"""

import json
import re
from pathlib import Path

import report_parts as parts
from runner import HERE, spread

RESULTS = HERE / "results"
README = HERE.parent / "README.md"
BEGIN = "<!-- benchmarks: made by `make benchmark-report` -->"
END = "<!-- end of benchmarks -->"
NOT_MEASURED = "Not measured yet."
PICTURE = "epochs.svg"


def load(results):
    """(the full or else the short form, the sweep); None for what is not there."""
    found = {}
    for form in ("short", "full", "sweep"):
        path = Path(results, f"{form}.json")
        if path.exists():
            found[form] = json.loads(path.read_text("utf-8"))
    return found.get("full") or found.get("short"), found.get("sweep")


def readme_section(results=RESULTS):
    """What stands between the markers."""
    main, sweep = load(results)
    if main is None:
        return NOT_MEASURED
    blocks = [parts.machine(main)]
    if "epochs" in main:
        blocks += [EPOCHS_CAPTION, epochs_table(main)]
        if Path(results, PICTURE).exists():
            blocks.append(f"![Speed of an epoch](benchmarks/results/{PICTURE})")
    blocks += [parts.others_table(main), ahead(main)]
    if sweep and "sweep" in sweep:
        blocks.append(parts.sweep_summary(sweep["sweep"]))
    blocks.append("Everything else: [report.md](benchmarks/results/report.md).")
    return "\n\n".join(block for block in blocks if block)


EPOCHS_CAPTION = """\
How many times as long as pybackprop another library takes for an epoch, each at the
better of one and all threads, in the same precision: median (quartiles) of paired
turns. Above 1, pybackprop is ahead."""


def best(records):
    """Of records of one peer, that with the number of threads that suits it."""
    return min(records, key=lambda record: record["epoch"]["median"])


def cells(main):
    """(workload, dtype): {peer: records, one a number of threads}, without failures."""
    groups = {}
    for record in main["epochs"]["records"]:
        if "error" not in record:
            group = groups.setdefault((record["workload"], record["dtype"]), {})
            group.setdefault(record["peer"], []).append(record)
    return groups


def paired(theirs, ours):
    """Their time over ours, each at its best number of threads, turn by turn."""
    theirs, ours = best(theirs)["epoch"]["turns"], best(ours)["epoch"]["turns"]
    return spread([a / b for a, b in zip(theirs, ours, strict=False)])


def others(main):
    """File names and names of the peers beside us, scikit-learn first."""
    names = {key: peer["name"] for key, peer in main["peers"].items()}
    names.pop("pybackprop")
    return dict(sorted(names.items(), key=lambda item: item[0] != "scikit_learn"))


def epochs_table(main):
    peers = others(main)
    rows = []
    for (workload, dtype), group in cells(main).items():
        ours = sorted(group["pybackprop"], key=lambda record: record["threads"])
        times = " / ".join(parts.duration(r["epoch"]["median"]) for r in ours)
        shares = " / ".join(parts.share(r) for r in ours)
        row = [workload, dtype, times, shares]
        for peer in peers:
            row.append(parts.ratio(paired(group[peer], ours)) if peer in group else "")
        rows.append(row)
    threads = " / ".join(str(n) for n in sorted({r["threads"] for r in ours}))
    head = ["workload", "data type", f"our epoch, {threads} threads"]
    return parts.table([*head, "share of peak", *peers.values()], rows)


def ahead(main):
    """Every workload and peer that is faster than pybackprop, by name."""
    if "epochs" not in main:
        return ""
    found = []
    for (workload, dtype), group in cells(main).items():
        for peer, name in others(main).items():
            if peer in group:
                median = paired(group[peer], group["pybackprop"])["median"]
                if median < 1:
                    found.append(f"{name} on {workload}, {dtype} ({median:.2f})")
    failed = [
        f"{record['peer']} on {record['workload']}, {record['dtype']}, "
        f"{record['threads']} threads: {record['error']}"
        for record in main["epochs"]["records"]
        if "error" in record
    ]
    text = "Ahead of pybackprop: " + ("; ".join(found) or "none") + "."
    return "\n\n".join([text, *(f"Not compared: {line}" for line in failed)])


def full_report(results=RESULTS):
    main, sweep = load(results)
    blocks = ["# Benchmarks", "Made by `make benchmark-report` from the JSON files."]
    if main:
        blocks += ["## " + main["form"].capitalize() + " form", parts.machine(main)]
        if "epochs" in main:
            blocks += [EPOCHS_CAPTION, epochs_table(main), ahead(main)]
            blocks += ["### Every turn of an epoch", parts.every_epoch(main)]
        for title, make in parts.DETAILS.items():
            text = make(main)
            if text:
                blocks += [f"### {title}", text]
    if sweep:
        blocks += ["## Sweep, growth and memory", parts.machine(sweep)]
        for title, make in parts.SWEEP_DETAILS.items():
            text = make(sweep)
            if text:
                blocks += [f"### {title}", text]
    return "\n\n".join(block for block in blocks if block) + "\n"


def draw(results=RESULTS):
    """Bars of the epochs, and curves of growth where they were measured."""
    import matplotlib

    matplotlib.use("svg")
    # The same file from the same numbers.
    matplotlib.rcParams.update({"svg.hashsalt": "pybackprop", "font.size": 8})
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    main, _ = load(results)
    if main is None or "epochs" not in main:
        return
    peers = others(main)
    figure, axes = plt.subplots(
        1, 2, figsize=(9, 3.6), sharex=True, sharey=True, layout="constrained"
    )
    groups_of = {"float64": {}, "float32": {}}
    for (workload, dtype), group in cells(main).items():
        groups_of[dtype][workload] = group
    for axis, (dtype, groups) in zip(axes, groups_of.items(), strict=True):
        height = 0.8 / len(peers)
        for number, (peer, name) in enumerate(peers.items()):
            at, lengths, low, high = [], [], [], []
            for place, group in enumerate(groups.values()):
                if peer in group:
                    value = paired(group[peer], group["pybackprop"])
                    at.append(place + (number + 0.5) * height - 0.4)
                    lengths.append(value["median"])
                    low.append(value["median"] - value["q1"])
                    high.append(value["q3"] - value["median"])
            # From 1, to the right where pybackprop is ahead.
            bars = [length - 1 for length in lengths]
            style = {"left": 1, "xerr": [low, high], "error_kw": {"linewidth": 0.8}}
            axis.barh(at, bars, 0.9 * height, label=name, **style)
        axis.set(xscale="log", title=dtype, yticks=range(len(groups)))
        axis.set(yticklabels=groups, xlabel="time of an epoch, pybackprop = 1")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.axvline(1, color="black", linewidth=0.8)
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(peers))
    figure.savefig(Path(results, PICTURE), metadata={"Date": None})
    plt.close(figure)


def with_section(readme, section):
    """A README's text with the section between its markers."""
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    if len(re.findall(pattern, readme, re.DOTALL)) != 1:
        raise SystemExit("README.md does not have the two markers once")
    new = f"{BEGIN}\n\n{section}\n\n{END}"
    return re.sub(pattern, lambda match: new, readme, flags=re.DOTALL)


def main():
    draw()
    text = README.read_text("utf-8")
    README.write_text(with_section(text, readme_section()), "utf-8")
    if any(load(RESULTS)):
        Path(RESULTS, "report.md").write_text(full_report(), "utf-8")


if __name__ == "__main__":
    main()
