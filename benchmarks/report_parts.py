"""Formats parts of a summary as Markdown."""


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in row)} |" for row in lines)


def duration(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def ratio(value):
    """Format median and quartiles of a spread."""
    return f"{value['median']:.2f} ({value['q1']:.2f}–{value['q3']:.2f})"


def share(record):
    """Format GF/s as a share of the peak with as many threads in the same turn."""
    if "share_of_peak" not in record:
        return "–"
    return f"{100 * record['share_of_peak']:.0f} %"


def megabytes(n_bytes):
    return "–" if n_bytes is None else f"{n_bytes / 1e6:.1f}"


def machine(result):
    """Describe machine and versions in some sentences."""
    m = result["machine"]
    versions = {}
    for peer in result["peers"].values():
        versions |= peer["versions"]
    lines = [
        f"Measured on {m['cpu']}, {m['cores']} cores, {m['system']}, "
        f"Python {m['python']}, "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f"; OpenBLAS uses its {m['openblas_kernel']} kernel."
    ]
    for n, peak in m["peak_gflops"].items():
        if peak:
            threads = "1 thread" if n == "1" else f"{n} threads"
            lines.append(
                f"Peak of {threads}: {peak['float64']:g} GF/s in float64, "
                f"{peak['float32']:g} in float32."
            )
    if result["absent"]:
        lines.append(f"Not installed: {', '.join(result['absent'])}.")
    return " ".join(lines)


def _best(records, what):
    return min(records, key=lambda record: record[what]["median"])


def _best_ratio(records, peer, what):
    """Format their time over ours, each with its best number of threads, and ours."""
    ours = _best([r for r in records if r["peer"] == "pybackprop"], what)
    theirs = [r for r in records if r["peer"] == peer]
    if not theirs:
        return duration(ours[what]["median"])
    factor = _best(theirs, what)[what]["median"] / ours[what]["median"]
    return f"{factor:.2f} ({duration(ours[what]['median'])})"


def others_table(result):
    """Table of fits and predictions beside scikit-learn, by data type."""
    rows = []

    def add(title, records, what):
        cells = []
        for dtype in ("float64", "float32"):
            group = [r for r in records if r["dtype"] == dtype and what in r]
            cells.append(_best_ratio(group, "scikit_learn", what) if group else "")
        rows.append([title, *cells])

    if "lbfgs" in result:
        add("L-BFGS on digits: loss and gradient", result["lbfgs"], "evaluation")
        add("L-BFGS on digits: the whole fit", result["lbfgs"], "fit")
    if "latency" in result:
        for rows_predicted in (1, 100_000):
            group = [
                r
                for r in result["latency"]
                if r["rows"] == rows_predicted and r["method"] == "predict_proba"
            ]
            unit = "row" if rows_predicted == 1 else "rows"
            add(f"predict_proba, {rows_predicted:,} {unit}", group, "seconds")
    if "first_fit" in result:
        for name in dict.fromkeys(r["workload"] for r in result["first_fit"]):
            group = [r for r in result["first_fit"] if r["workload"] == name]
            if not name.endswith("warm"):
                add(f"first fit in a fresh process: {name}", group, "fit")
                add(f"the same with the import: {name}", group, "both")
            else:
                add(f"a whole fit: {name}", group, "fit")
    if "grid_search" in result:
        add("grid search, best back end of each", result["grid_search"], "seconds")
    if not rows:
        return ""
    head = "scikit-learn's best time over pybackprop's (pybackprop's)"
    return table([head, "float64", "float32"], rows)


def sweep_summary(sweep):
    """Describe the sweep in some sentences; name each cell where we are slower."""
    verdicts = sweep["verdicts"]
    if not verdicts:
        return ""
    medians = sorted(v["ratio"]["median"] for v in verdicts)
    behind = [v for v in verdicts if v["ratio"]["median"] < 1]
    names = [
        f"{v['workload']}, {v['dtype']} ({v['ratio']['median']:.2f})" for v in behind
    ]
    return (
        f"The sweep, {len(sweep['cells'])} shapes in both data types: "
        f"{medians[0]:.2f} to {medians[-1]:.1f} times as fast as the other library's "
        f"best, median {medians[len(medians) // 2]:.2f}. "
        f"Slower in: {'; '.join(names) or 'none'}."
    )


def every_epoch(result):
    rows = [
        [
            r["workload"],
            r["dtype"],
            r["peer"],
            r["threads"],
            duration(r["epoch"]["median"]),
            ratio(r["times_ours"]),
            r["gflops"],
            share(r),
            duration(r["warm_up"]),
            r["cores"],
        ]
        for r in result["epochs"]["records"]
        if "error" not in r
    ]
    head = ["workload", "data type", "peer", "threads", "epoch", "times ours"]
    return table([*head, "GF/s", "of peak", "first two epochs", "cores used"], rows)


def lbfgs(result):
    rows = [
        [r["dtype"], r["peer"], r["threads"], r["evaluations"]]
        + [duration(r["evaluation"]["median"]), ratio(r["evaluation_times_ours"])]
        + [duration(r["fit"]["median"]), ratio(r["fit_times_ours"])]
        for r in result.get("lbfgs", [])
    ]
    head = ["data type", "peer", "threads", "evaluations", "an evaluation"]
    return rows and table([*head, "times ours", "fit", "times ours"], rows)


def latency(result):
    rows = [
        [r["dtype"], r["method"], r["rows"], r["peer"], r["threads"]]
        + [duration(r["seconds"]["median"]), ratio(r["times_ours"])]
        for r in result.get("latency", [])
    ]
    head = ["data type", "method", "rows", "peer", "threads", "time", "times ours"]
    return rows and table(head, rows)


def first_fit(result):
    rows = []
    for r in result.get("first_fit", []):
        row = [r["workload"], r["dtype"], r["epochs"], r["peer"], r["threads"]]
        if "error" in r:
            rows.append([*row, r["error"], "", "", ""])
            continue
        loading = duration(r["import"]["median"]) if "import" in r else ""
        with_it = ratio(r["both_times_ours"]) if "both" in r else ""
        fit = [duration(r["fit"]["median"]), ratio(r["fit_times_ours"])]
        rows.append([*row, *fit, loading, with_it])
    head = ["workload", "data type", "epochs", "peer", "threads"]
    return rows and table(
        [*head, "fit", "times ours", "import", "both, times ours"], rows
    )


def grid_search(result):
    rows = [
        [r["dtype"], r["peer"], r["backend"], r["threads"]]
        + [duration(r["seconds"]["median"]), f"{r['best_score']:.4f}"]
        for r in result.get("grid_search", [])
    ]
    head = ["data type", "peer", "back end", "threads a worker", "time", "best score"]
    return rows and table(head, rows)


def sweep(result, n_rows=30):
    """The verdicts in which pybackprop does worst, and every peer that failed."""
    if "sweep" not in result:
        return ""
    cells = {cell["name"]: cell for cell in result["sweep"]["cells"]}
    verdicts = sorted(result["sweep"]["verdicts"], key=lambda v: v["ratio"]["median"])
    rows = []
    for v in verdicts[:n_rows]:
        cell = cells[v["workload"]]
        layers = "-".join(str(n) for n in (cell["features"], *cell["hidden"]))
        shape = f"{cell['rows']:,} x {layers}, batch {cell['batch']:,}"
        if cell["rows_of"]:
            shape += f" (of {cell['rows_of']:,} rows)"
        rows.append(
            [v["workload"], shape, v["dtype"], v["peer"], ratio(v["ratio"])]
            + [v["our_threads"], v["their_threads"], f"{v['all_to_one']:.2f}"]
        )
    failed = [
        f"Not compared: {r['peer']} on {r['workload']}, {r['dtype']}: {r['error']}"
        for r in result["sweep"]["failed"]
    ]
    head = ["cell", "shape", "data type", "peer", "its time over ours"]
    head += ["our threads", "its threads", "ours, all threads over one"]
    shown = f"The {len(rows)} of {len(verdicts)} comparisons with the lowest ratio:"
    summary = sweep_summary(result["sweep"])
    return "\n\n".join([summary, shown, table(head, rows), *failed])


def growth(result):
    rows = [
        [r["axis"], r["peer"], r["threads"], r["dtype"]]
        + [f"{r['values'][0]:,}–{r['values'][-1]:,}", r["exponent"]]
        + [r["exponent_of_flops"]]
        for r in result.get("growth", [])
    ]
    head = ["axis", "peer", "threads", "data type", "range", "exponent"]
    return rows and table([*head, "exponent in rows x weights"], rows)


def memory(result):
    fits, predictions = [], []
    for r in result.get("memory", []):
        if "fit" in r:
            expected = r["formula"]
            fits.append(
                [r["fit"], r["dtype"], r["peer"]]
                + [megabytes(r.get("system")), megabytes(r["traced"])]
                + [megabytes(sum(expected.values()))]
                + [" + ".join(megabytes(value) for value in expected.values())]
            )
        else:
            for extra in r["predict"]:
                predictions.append(
                    [f"{extra['rows']:,}", r["dtype"], r["peer"]]
                    + [megabytes(extra["system"]), megabytes(extra["traced"])]
                )
    if not fits:
        return ""
    head = ["fit", "data type", "peer", "MB at the peak", "of these NumPy's", "formula"]
    of_fits = table([*head, "parameters + batch + rows"], fits)
    head = ["rows", "data type", "peer", "MB at the peak", "NumPy's"]
    of_predictions = table(head, predictions)
    between = "Predicting, beyond the table and the result:"
    return "\n\n".join([of_fits, between, of_predictions])


DETAILS = {
    "L-BFGS": lbfgs,
    "Predictions": latency,
    "First fits": first_fit,
    "Grid search": grid_search,
}
SWEEP_DETAILS = {"Sweep": sweep, "Growth": growth, "Memory": memory}
