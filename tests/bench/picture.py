# SPDX-License-Identifier: BSD-3-Clause
"""Draws the ratios of a run as an SVG picture: a bar for each median, a whisker from minimum to maximum, a line where
both sides are equal, and a mark for each goal."""
import math

# What is compared, with which goal; a bar that is better when it is short has its goal as a ceiling.
BARS = {
    "tcp_vs_relay": ("bulk TCP : two bare relays", 0.7),
    "tcp_vs_vxlan": ("bulk TCP : kernel's VXLAN", 0.4),
    "pps_vs_relay": ("small UDP packets/s : two bare relays", 0.85),
    "latency_p50_vs_relay": ("round trip (p50) : two bare relays", 1.2),
    "way_whole_vs_relay": ("bulk TCP, way whole : two bare relays", 0.7),
    "way_train_vs_relay": ("bulk TCP, way train : two bare relays", 0.5),
    "way_single_vs_relay": ("bulk TCP, way single : two bare relays", None),
    "way_ipip_vs_relay": ("bulk TCP, IP-in-IP : two bare relays", None),
    "narrow_vs_fitting": ("too long segments : fitting ones", 0.8),
    "narrow_single_vs_fitting": ("the same, from a sender without offload", 0.8),
    "narrow_single_way_train_vs_fitting": ("the same, way train", 0.8),
    "narrow_single_way_single_vs_fitting": ("the same, way single", 0.8),
    "narrow_single_way_ipip_vs_fitting": ("the same, IP-in-IP", 0.8),
    "lookup_many_vs_few": ("a look-up in 1,000,000 : in 1,000", 2),
    "crowd_vs_few_cpu": ("CPU per packet, many bindings : few", None),
}
CEILINGS = {"latency_p50_vs_relay", "lookup_many_vs_few"}

WIDTH, LEFT, RIGHT = 900, 270, 150  # RIGHT: room for the figures in words
TOP, ROW, THICKNESS = 78, 36, 16
REACHED, MISSED, WITHOUT_GOAL = "#3572b0", "#d1701f", "#8894a3"


def colour(key, median):
    goal = BARS[key][1]
    if goal is None:
        return WITHOUT_GOAL
    return REACHED if (median <= goal if key in CEILINGS else median >= goal) else MISSED


def draw_goal(key, x, y):
    """A line across the bar; below it a triangle that points to where the goal is reached, and the goal itself."""
    tip, anchor = (-7, "start") if key in CEILINGS else (7, "end")
    foot = y + THICKNESS + 9
    return [f'<path class="goal" d="M{x:.1f} {y - 5}V{foot}m0 -8l{tip} 4l{-tip} 4z" stroke="#111" fill="#111" '
            'stroke-width="2"/>',
            f'<text x="{x - tip / 2:.1f}" y="{foot}" font-size="11" text-anchor="{anchor}">{BARS[key][1]}</text>']


def draw_bar(key, values, x_of, y):
    """One row: what it is, the bar, its whisker, its goal, and the figures."""
    low, median, high = (x_of(values[which]) for which in ("min", "median", "max"))
    middle = y + THICKNESS / 2
    parts = [
        f'<text x="{LEFT - 10}" y="{middle + 5}" text-anchor="end">{BARS[key][0]}</text>',
        f'<rect class="bar" x="{LEFT}" y="{y}" width="{median - LEFT:.1f}" height="{THICKNESS}" '
        f'fill="{colour(key, values["median"])}"><title>{key}</title></rect>',
        f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {y + 3}v10M{high:.1f} {y + 3}v10" stroke="#222" '
        'stroke-width="1.5"/>',
        f'<text x="{WIDTH - RIGHT + 12}" y="{middle + 5}">{values["median"]:.2f} '
        f'({values["min"]:.2f} - {values["max"]:.2f})</text>',
    ]
    return parts if BARS[key][1] is None else parts + draw_goal(key, x_of(BARS[key][1]), y)


def draw_axis(end, x_of, bottom):
    parts = []
    for number in range(math.floor(end * 2) + 1):
        x = x_of(number / 2)
        parts.append(f'<path d="M{x:.1f} {TOP - 10}V{bottom}" stroke="#dde1e6"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{number / 2:.1f}</text>')
    return parts


def draw(figures, subtitle):
    """The picture's text; of `figures` the ratios that are there."""
    keys = [key for key in BARS if key in figures]
    end = max([figures[key]["max"] for key in keys] + [1.2]) * 1.02
    bottom = TOP + ROW * len(keys)

    def x_of(value):
        return LEFT + value / end * (WIDTH - LEFT - RIGHT)

    rows = [part for number, key in enumerate(keys)
            for part in draw_bar(key, figures[key], x_of, TOP + ROW * number)]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 50}" width="{WIDTH}" '
        f'height="{bottom + 50}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="20" y="30" font-size="18" font-weight="bold">The pair of agents, compared with its baselines</text>',
        f'<text x="20" y="50" fill="#555">{subtitle}</text>',
        *draw_axis(end, x_of, bottom), *rows,
        f'<path d="M{x_of(1):.1f} {TOP - 10}V{bottom}" stroke="#b3261e" stroke-width="1.5"/>',
        f'<text x="20" y="{bottom + 40}" fill="#555">Bar: median. Whisker: minimum to maximum. Black mark: the goal; '
        'its triangle points to where it is reached (bar blue, else orange).</text>',
        "</svg>", ""])
