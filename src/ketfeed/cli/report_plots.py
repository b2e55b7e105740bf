"""Plots for a page that must stand alone: pygal's geometry as plain SVG, drawn once for a desk and once for a phone.

pygal writes a script, a style sheet with fixed colours, tooltips and ids that repeat into every plot. Kept are only the
shapes and words of an allow-list; colours are the page's (``report.html``), so that light and dark are one plot. What
tooltips said becomes ``<title>`` of the shape, which browsers show without a script. The legend is the page's, where it
can wrap.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lxml import etree
from markupsafe import Markup

with warnings.catch_warnings():
    # pygal puts a finder of the time before Python 3.4 into the import system; nothing here needs it
    warnings.simplefilter("ignore", ImportWarning)
    import pygal
    from pygal.style import Style
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

Form = Literal["rows", "shares", "columns", "lines"]
"""Bars to the right, the same in percent, bars upward, lines; several series of bars are stacked."""

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = frozenset(f"{SVG}{name}" for name in ("svg", "g", "path", "rect", "circle", "text", "title"))
ATTRIBUTES = frozenset(
    {"x", "y", "width", "height", "rx", "ry", "cx", "cy", "r", "d", "transform", "class", "viewBox", "text-anchor"}
)
NOT_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 section 2.2, Char
FONT = 12  # px, of every word; report.html says the same
STYLE = Style(
    font_family="sans-serif", label_font_size=FONT, major_label_font_size=FONT, value_font_size=FONT,
    legend_font_size=FONT,
)  # fmt: skip
ROW = 26  # px of height for a bar to the right
MARGINS = 100  # px beside a plot: numbers on the left, the half of a label on the right
DOTS = 60  # points of a line; closer together they are a smear
COLUMN = 230  # px of height for bars upward and lines


@dataclass(frozen=True, slots=True)
class Size:
    """A width to draw for."""

    name: str
    width: int  # px
    label: int  # characters of a label before it is cut


SIZES = (Size("wide", 760, 32), Size("narrow", 360, 17))


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot as SVG of two widths; the page shows the one that fits."""

    name: str  # of its ids and class
    title: str  # says what is drawn, with the unit
    legend: tuple[str, ...]  # names of the colours, color-0 first; empty for one series
    drawn: tuple[Markup, ...]


def plot(form: Form, name: str, title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]]) -> Plot:
    """Draw one plot.

    name: unique on the page, letters and hyphens. labels: of the values, the first on top or at the left; those of
    columns and lines are short and differ.
    series: legend → values, as many as labels; one series has no legend.
    """
    clean = [NOT_TEXT.sub("", label) for label in labels]
    legend = tuple(series) if len(series) > 1 else ()
    return Plot(name, title, legend, tuple(_draw(form, name, title, clean, series, size) for size in SIZES))


def _draw(
    form: Form, name: str, title: str, labels: Sequence[str], series: Mapping[str, Sequence[float]], size: Size
) -> Markup:
    rows = form in ("rows", "shares")
    chart = _kind(form, len(series))(
        style=STYLE, css=(), js=(), width=size.width, height=50 + ROW * len(labels) if rows else COLUMN, margin=6,
        margin_right=44, spacing=8, show_legend=False, truncate_label=-1, print_values=rows and len(series) == 1,
        print_values_position="top", show_y_guides=True, min_scale=2, max_scale=8 if size.width > 400 else 4,
        dots_size=2.5, show_dots=len(labels) <= DOTS, formatter=_whole if form != "shares" else _percent,
        value_formatter=_whole, range=(0, 100) if form == "shares" else None, include_x_axis=True,
        disable_xml_declaration=True,
    )  # fmt: skip
    # a horizontal bar plot begins at the bottom
    chart.x_labels = [_cut(label, size.label) for label in reversed(labels)] if rows else list(labels)
    if not rows:
        wide = FONT + 7 * max(map(len, labels))  # px of the longest label and the space beside it
        every = -(-len(labels) * wide // (size.width - MARGINS))
        chart.x_labels_major_every, chart.show_minor_x_labels = every, every == 1
    for legend, values in series.items():
        chart.add(legend, list(reversed(values)) if rows else list(values))
    return _plain(chart.render(is_unicode=True), f"{name}-{size.name}", title, size)


def _kind(form: Form, series: int) -> Any:  # noqa: ANN401  # pygal has no types
    if form == "lines":
        return pygal.Line
    if form == "columns":
        return pygal.Bar if series == 1 else pygal.StackedBar
    return pygal.HorizontalBar if series == 1 else pygal.HorizontalStackedBar


def _cut(label: str, most: int) -> str:
    return label if len(label) <= most else label[: most - 1].rstrip() + "…"


def _whole(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else ""  # counts have no halves


def _percent(value: float) -> str:
    return f"{value:.0f} %"


def _plain(drawn: str, key: str, title: str, size: Size) -> Markup:
    """Only shapes, words and their places; one id, one title."""
    root = etree.fromstring(drawn.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    for element in list(root.iter()):
        parent = element.getparent()
        if parent is None:
            continue
        if element.tag not in SHAPES or element.tag == f"{SVG}title" or "tooltip-overlay" in element.get("class", ""):
            _tell(element, parent)
            parent.remove(element)
            continue
        _strip(element)
    _strip(root)
    heading = etree.Element(f"{SVG}title", id=f"{key}-title")
    heading.text = NOT_TEXT.sub("", title)
    root.insert(0, heading)
    root.set("id", key)
    root.set("class", f"plot {size.name}")
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title")
    etree.cleanup_namespaces(root)
    return Markup(etree.tostring(root, encoding="unicode"))  # noqa: S704  # serialised by lxml from the allow-list


def _strip(element: etree._Element) -> None:
    for attribute in list(element.attrib):
        if attribute not in ATTRIBUTES:
            del element.attrib[attribute]
    element.tail = None
    if element.tag != f"{SVG}text":
        element.text = None


def _tell(element: etree._Element, parent: etree._Element) -> None:
    """Keep the value of a tooltip as the title of its shape, with the name of the bar before it."""
    if element.tag != f"{SVG}desc" or element.get("class") not in ("value", "x_label"):
        return
    told = parent.find(f"{SVG}title")
    if told is None:
        told = etree.SubElement(parent, f"{SVG}title")
    words = element.text or ""
    told.text = words if not told.text else f"{words}: {told.text}"
