"""A user's bill as HTML."""

from mpc_market.rules.settlement import Line
from mpc_market.rules.statement import Charge
from parties.statement.bill import SupplierPart, UserBill
from parties.statement.notes import notes_of
from parties.statement.page import Markup, cells, fill, heads, joined, number, page, row
from parties.statement.texts import (
    FORMULA,
    ROUNDING,
    RULE,
    SAVED_BY,
    SYMBOLS,
    cents_text,
    is_traded,
    item_text,
    line_title,
    money_price_text,
    month_title,
    tariff_text,
    verified_text,
)


def bill_page(bill: UserBill) -> str:
    """The whole document."""
    month = month_title(bill.month)
    body = [_header(bill, month), _figures(bill)]
    body += [_part(part, bill) for part in bill.parts]
    body += [_saved(bill), _notes(bill), _rule(bill)]
    return page(f"{bill.market}: statement for {month}", joined(body))


def _header(bill: UserBill, month: str) -> Markup:
    suppliers = ", ".join(part.supplier for part in bill.parts)
    return fill(
        "<header><div><h1>Statement for {}</h1><p>Local electricity market <b>{}</b></p></div>"
        "<dl><dt>Meter</dt><dd>{}</dd><dt>Supplier</dt><dd>{}</dd><dt>Currency</dt><dd>{}</dd></dl></header>",
        month,
        bill.market,
        bill.meter,
        suppliers,
        bill.settings.currency,
    )


def _figures(bill: UserBill) -> Markup:
    figures = [
        _figure(
            f"{'you receive from' if part.statement.due < 0 else 'you pay'} {part.supplier}", part.statement.due, bill
        )
        for part in bill.parts
    ]
    before = "you would have received without the local market"
    if bill.without_market >= 0:
        before = "you would have paid without the local market"
    figures.append(_figure(before, bill.without_market, bill, main=False))
    saved = "the local market has cost you" if bill.saved < 0 else "the local market has saved you"
    figures.append(_figure(saved, bill.saved, bill, main=False))
    return fill('<ul class="figures">{}</ul>', joined(figures))


def _figure(label: str, cents: int, bill: UserBill, *, main: bool = True) -> Markup:
    return fill(
        '<li class="{}"><span>{}</span><strong>{} {}</strong></li>',
        "main" if main else "",
        label[0].upper() + label[1:],
        number(cents_text(abs(cents))),
        bill.settings.currency,
    )


# --- lines ------------------------------------------------------------------------------------------------


def _part(part: SupplierPart, bill: UserBill) -> Markup:
    """Everything that is due to one supplier."""
    settings, made = bill.settings, part.statement
    columns = ("kWh", settings.prices.unit, settings.currency)
    bodies = [_line(line, charges, part.entries[line], bill) for line, charges in made.charges.items()]
    ends = []
    if made.rounding:
        ends.append(row("Sum of these lines", "", "", number(cents_text(made.due - made.rounding))))
        ends.append(row("Difference by rounding", "", "", number(cents_text(made.rounding))))
    what = "Amount due to you" if made.due < 0 else "Amount due"
    ends.append(row(what, "", "", number(cents_text(made.due)), kind="due"))
    return fill(
        "<section><h2>{} {}</h2>\n<table><caption>Negative amounts are paid to you.</caption>\n"
        "{}\n{}\n<tfoot>{}</tfoot></table></section>",
        "What you receive from" if made.due < 0 else "What you pay",
        part.supplier,
        heads("", *columns),
        joined(bodies),
        joined(ends),
    )


def _count(line: Line, entries: int, month: str) -> str:
    """How many periods; a corrected one is booked twice, taken back and anew."""
    what = "period" if line.month == month or line.estimated else "booking"
    return f"{number(str(entries))} {what}{'' if entries == 1 else 's'}"


def _line(line: Line, charges: tuple[Charge, ...], entries: int, bill: UserBill) -> Markup:
    flag = Markup(' <span class="flag">no readings by the last deadline</span>') if line.estimated else Markup()
    head = fill(
        '<tr class="about"><th scope="rowgroup" colspan="4"><h3>{}{}</h3><small>{}</small></th></tr>',
        line_title(line, bill.month),
        flag,
        f"{_count(line, entries, bill.month)}; {tariff_text(line, bill.settings)}",
    )
    shown = [charge for charge in charges if charge.quantity or charge.exact]
    rows = [_charge(charge, bill, traded=is_traded(shown)) for charge in shown]
    if not shown:
        rows = [fill('<tr><th scope="row">Nothing was traded, drawn or fed in</th>{}</tr>', cells("", "", "0.00"))]
    return fill("<tbody>{}\n{}</tbody>", head, joined(rows))


def _charge(charge: Charge, bill: UserBill, *, traded: bool) -> Markup:
    local = charge.item.value.startswith("local")
    price = "" if charge.price is None else money_price_text(charge.price, bill.settings)
    return row(
        f"{item_text(charge.item, traded=traded)}{', at the clearing price' if local else ''}",
        number(bill.settings.quantity_text(charge.quantity)),
        f"on average {number(price)}" if local else number(price),
        number(cents_text(charge.cents)),
    )


# --- what it has saved --------------------------------------------------------------------------------------


def _saved(bill: UserBill) -> Markup:
    imported, exported = bill.settings.quantity_text(bill.imported), bill.settings.quantity_text(bill.exported)
    retail, feed_in = cents_text(bill.at_retail), cents_text(bill.at_feed_in)
    rows = [
        row("All that you imported, at retail prices", number(imported), number(retail)),
        row("All that you exported, at feed-in prices", number(exported), number(feed_in)),
    ]
    if bill.without_market != bill.at_retail + bill.at_feed_in:
        difference = bill.without_market - bill.at_retail - bill.at_feed_in
        what = "Difference by rounding" if bill.tariffs_published else "Without a tariff, as billed, and rounding"
        rows.append(row(what, "", number(cents_text(difference))))
    rows += [
        row("Without the local market", "", number(cents_text(bill.without_market))),
        row("With it: this statement", "", number(cents_text(bill.due))),
        row("Cost by it" if bill.saved < 0 else "Saved by it", "", number(cents_text(abs(bill.saved))), kind="due"),
    ]
    return fill(
        '<section class="whole"><h2>What the local market {}</h2>{}<table>{}<tbody>{}</tbody></table>'
        '<p class="soft">{}</p></section>',
        "has cost you" if bill.saved < 0 else "has saved you",
        _bars(bill),
        heads("", "kWh", bill.settings.currency),
        joined(rows),
        SAVED_BY,
    )


def _bars(bill: UserBill) -> Markup:
    """Both amounts as bars, where both are paid or both are received."""
    verb = "You receive" if bill.due < 0 else "You pay"
    amounts = ((f"{verb} without it", bill.without_market, ""), (f"{verb} with it", bill.due, "with"))
    largest = max(abs(cents) for _, cents, _ in amounts)
    if bill.without_market * bill.due <= 0:
        return Markup()
    bars = [
        fill(
            '<div class="{}"><span>{}</span><i style="width:{}%"></i><b>{}</b></div>',
            kind,
            label,
            100 * abs(cents) // largest,
            number(cents_text(abs(cents))),
        )
        for label, cents, kind in amounts
    ]
    return fill('<div class="bars" aria-hidden="true">{}</div>', joined(bars))


# --- words --------------------------------------------------------------------------------------------------


def _notes(bill: UserBill) -> Markup:
    return joined(fill('<p class="note">{}</p>', text) for text in notes_of(bill))


def _rule(bill: UserBill) -> Markup:
    return fill(
        '<section><h2>How it is computed</h2><p>{}</p><p class="formula">{}<br>{}</p><p class="soft">{}</p><p>{}</p>'
        "</section><footer>{}</footer>",
        RULE,
        *FORMULA,
        SYMBOLS,
        ROUNDING,
        verified_text(bill.parties),
    )
