"""HTML for people: one file without scripts, fonts or pictures from elsewhere, for the screen and for A4 paper.

Whatever is filled into a template is escaped, unless it came out of a template itself.
"""

import html
from collections.abc import Iterable

STYLE = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #d9dee5; --wash: #f5f7f9; --accent: #0b6e4f; --warm: #9a5b00; }
* { box-sizing: border-box; }
html { background: #e9edf1; }
body { margin: 2rem auto; max-width: 54rem; padding: 3rem 3.4rem; background: #fff; color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; box-shadow: 0 1px 3px rgb(0 0 0 / .12); overflow-wrap: anywhere; }
header { display: flex; justify-content: space-between; gap: 2rem; border-bottom: 3px solid var(--accent);
  padding-bottom: 1.1rem; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; letter-spacing: -.01em; }
header p { margin: .25rem 0 0; color: var(--soft); }
header dl { margin: 0; display: grid; grid-template-columns: auto auto; gap: .1rem .9rem; align-content: start;
  font-size: .9rem; max-width: 24rem; flex: none; }
dt { color: var(--soft); white-space: nowrap; } dd { margin: 0; font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: 1rem; margin: 1.6rem 0 0;
  padding: 0; list-style: none; }
.figures li { background: var(--wash); border-radius: .5rem; padding: .9rem 1.1rem; }
.figures strong { display: block; font-size: 1.65rem; line-height: 1.25; letter-spacing: -.01em; }
.figures .main { background: var(--accent); color: #fff; }
.figures span { font-size: .88rem; color: var(--soft); } .figures .main span { color: #e3f2ec; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
h3 { font-size: .95rem; margin: 1.3rem 0 .2rem; }
p { margin: .4rem 0; } small, .soft { color: var(--soft); }
table { width: 100%; border-collapse: collapse; margin: .3rem 0 0; }
caption { text-align: left; color: var(--soft); font-size: .88rem; padding-bottom: .3rem; }
th, td { padding: .38rem .5rem; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } thead .number { width: min(7rem, 18vw); }
thead th { font-size: .82rem; color: var(--soft); border-bottom: 1.5px solid var(--ink); }
tbody th, tfoot th { font-weight: 400; }
tr.about th { padding-top: 0; border-bottom-color: var(--ink); } tr.about small { font-weight: 400; }
.number { text-align: right; white-space: nowrap; }
tr.due td, tr.due th { font-weight: 700; border-top: 1.5px solid var(--ink);
  border-bottom: 3px double var(--ink); font-size: 1.05rem; }
.flag { color: var(--warm); font-weight: 600; font-size: .85rem; }
.note { border-left: 4px solid var(--warm); background: #fdf6ea; padding: .6rem .9rem; margin: .8rem 0; }
.bars { margin: .8rem 0; display: grid; grid-template-columns: max-content 1fr max-content; gap: .4rem .8rem;
  align-items: center; font-size: .9rem; }
.bars i { display: block; height: 1.1rem; border-radius: .2rem; background: #b9c4d0; min-width: 2px; }
.bars .with i { background: var(--accent); }
.bars > div { display: contents; }
.formula { font-family: "Cambria Math", Cambria, Georgia, serif; font-size: 1.08rem; background: var(--wash);
  border-radius: .4rem; padding: .6rem .9rem; overflow-wrap: normal; }
footer { margin-top: 2.2rem; border-top: 1px solid var(--line); padding-top: .8rem; font-size: .85rem;
  color: var(--soft); }
@page { size: A4; margin: 15mm; }
@media print {
  html { background: none; font-size: 12.5px; }
  body { margin: 0; padding: 0; max-width: none; box-shadow: none; font-size: 9.5pt; line-height: 1.4; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  tr, .figures, .note, .formula, .bars, .whole { break-inside: avoid; } h2, h3 { break-after: avoid; }
  thead { display: table-header-group; } tfoot { display: table-row-group; }
  th, td { padding-top: .22rem; padding-bottom: .22rem; } h2 { margin-top: 1.4rem; } h3 { margin-top: .7rem; }
  footer { margin-top: 1rem; }
}
@media (max-width: 40rem) { body { padding: 1.2rem; margin: 0; } header { flex-direction: column; gap: .8rem; } }
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class Markup(str):
    """HTML that has come out of a template."""

    __slots__ = ()


def fill(template: str, *values: object) -> Markup:
    """The template with its `{}` filled in; values are escaped, but for what is `Markup`."""
    safe = (value if isinstance(value, Markup) else html.escape(str(value)) for value in values)
    return Markup(template.format(*safe))


def joined(pieces: Iterable[Markup]) -> Markup:
    """One after the other."""
    return Markup("\n".join(pieces))


def page(title: str, body: Markup) -> str:
    """A whole document."""
    head = fill(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="{}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<title>{}</title>\n',
        Markup(_POLICY),
        title,
    )
    return f"{head}<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"


def number(text: str) -> str:
    """A number as it is printed: with a true minus, and thin spaces between thousands."""
    sign, digits = ("\N{MINUS SIGN}", text[1:]) if text.startswith("-") else ("", text)
    whole, point, fraction = digits.partition(".")
    groups = []
    while len(whole) > 3:
        whole, group = whole[:-3], whole[-3:]
        groups.append(group)
    return sign + "\N{NARROW NO-BREAK SPACE}".join([whole, *reversed(groups)]) + point + fraction


def cells(*texts: str) -> Markup:
    """Cells of numbers."""
    return Markup("".join(fill('<td class="number">{}</td>', text) for text in texts))


def row(head: str | Markup, *numbers: str, kind: str = "") -> Markup:
    """A row of a table: what it is about, and its numbers. `kind`: its class."""
    begin = fill('<tr class="{}">', kind) if kind else Markup("<tr>")
    return fill('{}<th scope="row">{}</th>{}</tr>', begin, head, cells(*numbers))


def heads(first: str, *others: str) -> Markup:
    """The head of a table."""
    rest = joined(fill('<th scope="col" class="number">{}</th>', each) for each in others)
    return fill('<thead><tr><th scope="col">{}</th>{}</tr></thead>', first, rest)
