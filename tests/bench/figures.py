# SPDX-License-Identifier: BSD-3-Clause
"""Figures of several rounds: summed up as median, minimum and maximum, and printed that way."""
import statistics

# How a figure is printed, by what its key has in it; the first that fits.
FORMS = {"_vs_": "{:.2f}", "_s_per_gb": "{:.3f}", "_ns_10": "{:,.1f}", "_us": "{:,.1f}", "_ms": "{:,.1f}",
         "_share": "{:.2f}", "_busy": "{:.2f}", "expiry_s": "{:.2f}", "": "{:,.0f}"}


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def spread_rounds(rounds):
    """`rounds`: the figures of each round, all with the same keys."""
    return {key: spread([one[key] for one in rounds]) for key in rounds[0]}


def cell(figures, key, form):
    """median (minimum - maximum), or nothing where the figure does not exist."""
    if key not in figures:
        return ""
    values = figures[key]
    return f"{form.format(values['median'])} ({form.format(values['min'])} - {form.format(values['max'])})"


def print_list(title, figures):
    print(f"\n{title}: median (minimum - maximum)")
    for key in figures:
        form = next(form for part, form in FORMS.items() if part in key)
        median, rest = cell(figures, key, form).split(" ", 1)
        print(f"  {key:<36}{median:>10} {rest}")
