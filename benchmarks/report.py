"""Tables and a picture of benchmark runs.

    python benchmarks/report.py              # from results/summary-VERSION.json
    python benchmarks/report.py DIRECTORY    # from the runs in DIRECTORY, into it

Without an argument, writes the reports that Git tracks, all from the newest summary:
results/report.md and results/epochs.svg, and the section of README.md between its
markers.
"""

import re
import sys
from pathlib import Path

import report_parts as parts
import summary
from runner import HERE

ROOT = HERE.parent
RESULTS = summary.RESULTS
PICTURE = "epochs.svg"
# A file with a generated part: its first and its last line.
PAGE = ROOT / "README.md"
PAGE_MARKERS = (
    "<!-- benchmarks: made by `make benchmark-report` -->",
    "<!-- end of benchmarks -->",
)
NOT_MEASURED = "Not measured yet."

EPOCHS_CAPTION = """\
How many times as long as pybackprop another library takes for an epoch, each at the
better of one and all threads, in the same precision: median (quartiles) of paired
turns. Above 1, pybackprop is ahead."""
REPORT_SOURCE = """\
Made by `make benchmark-report` from the newest summary in this folder, which has every
cell of the sweep; here are the least favourable ones. Times are medians."""


def main_run(runs):
    """The full form or, without it, the short one; None if neither was run."""
    return runs.get("full") or runs.get("short")


def cells(main):
    """(workload, dtype): {peer: its records, one per number of threads}."""
    groups = {}
    for record in main["epochs"]["records"]:
        if "error" not in record:
            group = groups.setdefault((record["workload"], record["dtype"]), {})
            group.setdefault(record["peer"], []).append(record)
    return groups


def ratios(main):
    """(workload, dtype): {peer: its time of an epoch over ours}."""
    groups = {}
    for record in main["epochs"]["best"]:
        group = groups.setdefault((record["workload"], record["dtype"]), {})
        group[record["peer"]] = record["ratio"]
    return groups


def others(main):
    """File names and names of the peers beside us, scikit-learn first."""
    names = {key: peer["name"] for key, peer in main["peers"].items()}
    names.pop("pybackprop")
    return dict(sorted(names.items(), key=lambda item: item[0] != "scikit_learn"))


# ------------------------------------------------------------------- tables
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
    head = ["workload", "data type", f"our epoch, {threads} threads"]
    return parts.table([*head, "share of peak", *peers.values()], rows)


def ahead(main):
    """Every workload and peer that is faster than pybackprop, by name."""
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
    text = "Ahead of pybackprop: " + ("; ".join(found) or "none") + "."
    return "\n\n".join([text, *(f"Not compared: {line}" for line in failed)])


# ------------------------------------------------------------------- texts
def page_section(runs):
    """What stands between the markers of README.md."""
    main, sweep = main_run(runs), runs.get("sweep")
    if main is None:
        return NOT_MEASURED
    blocks = [parts.machine(main)]
    if "epochs" in main:
        blocks += [EPOCHS_CAPTION, epochs_table(main)]
        blocks.append(f"![Time of an epoch](benchmarks/results/{PICTURE})")
    blocks += [parts.others_table(main), ahead(main)]
    if sweep and "sweep" in sweep:
        blocks.append(parts.sweep_summary(sweep["sweep"]))
    blocks.append("All tables: [report.md](benchmarks/results/report.md).")
    return "\n\n".join(block for block in blocks if block)


def full_report(runs):
    """Every table."""
    main, sweep = main_run(runs), runs.get("sweep")
    blocks = ["# Benchmarks", REPORT_SOURCE]
    if main:
        blocks += ["## " + main["form"].capitalize() + " form", parts.machine(main)]
        if "epochs" in main:
            blocks += [EPOCHS_CAPTION, epochs_table(main), ahead(main)]
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
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


# ------------------------------------------------------------------- files
def replace_section(text, markers, section, name="the file"):
    """A text with the section between its two markers replaced."""
    first, last = markers
    pattern = re.escape(first) + ".*?" + re.escape(last)
    if len(re.findall(pattern, text, re.DOTALL)) != 1:
        raise SystemExit(f"{name} does not have the markers {first} and {last} once")
    new = f"{first}\n\n{section}\n\n{last}"
    return re.sub(pattern, lambda match: new, text, flags=re.DOTALL)


def tracked(runs):
    """Content of the tracked files that are made of a summary, but for the picture."""
    page = PAGE.read_text("utf-8")
    section = page_section(runs)
    files = {PAGE: replace_section(page, PAGE_MARKERS, section, PAGE.name)}
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
