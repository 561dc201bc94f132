"""Writes tables and a picture of benchmark runs.

    python benchmarks/report.py              # from results/summary-VERSION.json
    python benchmarks/report.py DIRECTORY    # from the runs in DIRECTORY, into it

Without an argument, writes the reports that Git tracks, all from the newest summary:
results/report.md and results/epochs.svg, the section of docs/benchmarks.md and the
table of README.md, each of these two between its markers.
"""

import re
import sys
from itertools import groupby
from pathlib import Path

import report_parts as parts
import summary
from runner import HERE

ROOT = HERE.parent
RESULTS = summary.RESULTS
PICTURE = "epochs.svg"
# Files with a generated part: its first and its last line.
README = ROOT / "README.md"
README_MARKERS = ("<!-- speed -->", "<!-- end of speed -->")
PAGE = ROOT / "docs" / "benchmarks.md"
PAGE_MARKERS = (
    "<!-- benchmarks: made by `make benchmark-report` -->",
    "<!-- end of benchmarks -->",
)
NOT_MEASURED = "Not measured yet."

EPOCHS_CAPTION = """\
Time of an epoch divided by pybackprop's, each library with its best number of threads
(one or all), in the same data type: median (quartiles) of paired turns. Above 1,
pybackprop is faster."""
REPORT_SOURCE = """\
Made by `make benchmark-report` from the newest summary in this folder, which has every
cell of the sweep; here are the least favourable ones. Times are medians."""
README_WORKLOADS = ["iris", "digits", "50,000 x 50", "HIGGS network"]
README_PEERS = {"scikit_learn": "scikit-learn", "pytorch": "torch", "jax": "jax"}


def main_run(runs):
    """Return the run of the full form, else of the short one, else None."""
    return runs.get("full") or runs.get("short")


def cells(main):
    """Return {(workload, dtype): {peer: records, one per number of threads}}."""
    groups = {}
    for record in main["epochs"]["records"]:
        if "error" not in record:
            group = groups.setdefault((record["workload"], record["dtype"]), {})
            group.setdefault(record["peer"], []).append(record)
    return groups


def ratios(main):
    """Return {(workload, dtype): {peer: its time of an epoch over ours}}."""
    groups = {}
    for record in main["epochs"]["best"]:
        group = groups.setdefault((record["workload"], record["dtype"]), {})
        group[record["peer"]] = record["ratio"]
    return groups


def others(main):
    """Return file names and names of the other peers, scikit-learn first."""
    names = {key: peer["name"] for key, peer in main["peers"].items()}
    names.pop("pybackprop")
    return dict(sorted(names.items(), key=lambda item: item[0] != "scikit_learn"))


# ------------------------------------------------------------------- tables
def readme_section(runs):
    """Return the generated section of README.md: four workloads, three peers."""
    main = main_run(runs)
    if main is None or "epochs" not in main:
        return NOT_MEASURED
    peers = {key: main["peers"][key] for key in README_PEERS if key in main["peers"]}
    workloads = {workload["name"]: workload for workload in main["epochs"]["workloads"]}
    ours, times = cells(main), ratios(main)
    rows = []
    for name in README_WORKLOADS:
        both = [(name, "float64"), (name, "float32")]
        if not all(key in ours for key in both):
            continue
        records = (summary.best(ours[key]["pybackprop"]) for key in both)
        epochs = (parts.duration(record["epoch"]["median"]) for record in records)
        row = [shape_of(workloads[name]), " / ".join(epochs)]
        for peer in peers:
            found = (times.get(key, {}).get(peer) for key in both)
            row.append(" / ".join(f"{r['median']:.1f}" if r else "–" for r in found))
        rows.append(row)
    machine = main["machine"]
    versions = [
        f"{peer['name']} {peer['versions'][README_PEERS[key]].split('+')[0]}"
        for key, peer in peers.items()
    ]
    versions = " and ".join(filter(None, [", ".join(versions[:-1]), *versions[-1:]]))
    caption = (
        f"Median time of one epoch of Adam on {machine['cores']} cores of an "
        f"{machine['cpu'].split(' (')[0]}, float64 / float32, and how many times as "
        f"long {versions} take, each with its best number of threads:"
    )
    names = (peer["name"] for peer in peers.values())
    return f"{caption}\n\n{parts.table(['network', 'pybackprop', *names], rows)}"


def shape_of(workload):
    """Format name, rows and layer sizes of a workload."""
    units = [workload["features"], *workload["hidden"], max(1, workload["classes"])]
    units[-1] = 1 if units[-1] == 2 else units[-1]
    runs = [(n, len(list(equal))) for n, equal in groupby(units)]
    layers = "-".join(f"{n}×{times}" if times > 2 else f"{n}" for n, times in runs)
    shape = f"{workload['rows']:,} rows, {layers}"
    # A workload without a name of its own is called by its shape.
    is_shape = re.fullmatch(r"[\d,]+ x [\d,]+", workload["name"])
    return shape if is_shape else f"{workload['name']}: {shape}"


def epochs_table(main):
    peers = others(main)
    times = ratios(main)
    rows = []
    for (workload, dtype), group in cells(main).items():
        ours = sorted(group["pybackprop"], key=lambda record: record["threads"])
        epochs = " / ".join(parts.duration(r["epoch"]["median"]) for r in ours)
        shares = " / ".join(parts.share(r) for r in ours)
        row = [workload, dtype, epochs, shares]
        found = times.get((workload, dtype), {})
        row += [parts.ratio(found[peer]) if peer in found else "" for peer in peers]
        rows.append(row)
    threads = " / ".join(str(n) for n in sorted({r["threads"] for r in ours}))
    head = ["workload", "data type", f"pybackprop, {threads} threads"]
    return parts.table([*head, "share of peak", *peers.values()], rows)


def faster(main):
    """List each workload and peer that is faster than pybackprop, or that failed."""
    if "epochs" not in main:
        return ""
    names = others(main)
    found = [
        f"{names[peer]} on {workload}, {dtype} ({ratio['median']:.2f})"
        for (workload, dtype), group in ratios(main).items()
        for peer, ratio in sorted(
            group.items(), key=lambda item: [*names].index(item[0])
        )
        if ratio["median"] < 1
    ]
    failed = [
        f"{record['peer']} on {record['workload']}, {record['dtype']}, "
        f"{record['threads']} threads: {record['error']}"
        for record in main["epochs"]["records"]
        if "error" in record
    ]
    text = "Faster than pybackprop: " + ("; ".join(found) or "none") + "."
    return "\n\n".join([text, *(f"Not compared: {line}" for line in failed)])


# ------------------------------------------------------------------- texts
def page_section(runs):
    """Return the generated section of docs/benchmarks.md."""
    main, sweep = main_run(runs), runs.get("sweep")
    if main is None:
        return NOT_MEASURED
    blocks = [parts.machine(main)]
    if "epochs" in main:
        blocks += [EPOCHS_CAPTION, epochs_table(main)]
        blocks.append(f"![Time of an epoch](../benchmarks/results/{PICTURE})")
    blocks += [parts.others_table(main), faster(main)]
    if sweep and "sweep" in sweep:
        blocks.append(parts.sweep_summary(sweep["sweep"]))
    blocks.append("All tables: `benchmarks/results/report.md`.")
    return "\n\n".join(block for block in blocks if block)


def full_report(runs):
    """Return the content of report.md, with every table."""
    main, sweep = main_run(runs), runs.get("sweep")
    blocks = ["# Benchmarks", REPORT_SOURCE]
    if main:
        blocks += ["## " + main["form"].capitalize() + " form", parts.machine(main)]
        if "epochs" in main:
            blocks += [EPOCHS_CAPTION, epochs_table(main), faster(main)]
            blocks += ["### Epochs by number of threads", parts.every_epoch(main)]
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


# ------------------------------------------------------------------- picture
def draw(runs, path):
    """Draw the ratios of the epochs as bars, one group per workload."""
    main = main_run(runs)
    if main is None or "epochs" not in main:
        return
    import matplotlib

    matplotlib.use("svg")
    # The same file from the same numbers. Text stays text: outlines take more bytes.
    matplotlib.rcParams.update({"svg.hashsalt": "pybackprop", "font.size": 8})
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    peers = others(main)
    figure, axes = plt.subplots(
        1, 2, figsize=(9, 3.6), sharex=True, sharey=True, layout="constrained"
    )
    times_of = {"float64": {}, "float32": {}}
    for (workload, dtype), group in ratios(main).items():
        times_of[dtype][workload] = group
    for axis, (dtype, groups) in zip(axes, times_of.items(), strict=True):
        height = 0.8 / len(peers)
        for number, (peer, name) in enumerate(peers.items()):
            at, lengths, low, high = [], [], [], []
            for place, group in enumerate(groups.values()):
                if peer in group:
                    value = group[peer]
                    at.append(place + (number + 0.5) * height - 0.4)
                    lengths.append(value["median"])
                    low.append(value["median"] - value["q1"])
                    high.append(value["q3"] - value["median"])
            # Bars start at 1 and extend to the right where pybackprop is faster.
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
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


# ------------------------------------------------------------------- files
def replace_section(text, markers, section, name="the file"):
    """Return a text with another section between its two markers."""
    first, last = markers
    pattern = re.escape(first) + ".*?" + re.escape(last)
    if len(re.findall(pattern, text, re.DOTALL)) != 1:
        raise SystemExit(f"{name} does not have the markers {first} and {last} once")
    new = f"{first}\n\n{section}\n\n{last}"
    return re.sub(pattern, lambda match: new, text, flags=re.DOTALL)


def tracked(runs):
    """Return {path: content} of the tracked files, without the picture."""
    readme, page = README.read_text("utf-8"), PAGE.read_text("utf-8")
    files = {
        README: replace_section(
            readme, README_MARKERS, readme_section(runs), README.name
        ),
        PAGE: replace_section(page, PAGE_MARKERS, page_section(runs), PAGE.name),
    }
    if runs:
        files[RESULTS / "report.md"] = full_report(runs)
    return files


def main():
    if len(sys.argv) > 1:
        directory = Path(sys.argv[1])
        runs = summary.of_runs(directory)
        if not runs:
            sys.exit(f"{directory} has no runs: make benchmark")
        files = {directory / "report.md": full_report(runs)}
    else:
        directory, runs = RESULTS, summary.newest()
        files = tracked(runs)
    draw(runs, directory / PICTURE)
    for path, text in files.items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
