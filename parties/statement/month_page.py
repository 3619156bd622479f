"""A supplier's month as HTML: customers and amounts."""

from parties.statement.month import CustomerAmount, SupplierMonth
from parties.statement.notes import notes_of_month
from parties.statement.page import Markup, cells, fill, heads, joined, number, page
from parties.statement.texts import cents_text, month_title


def month_page(month: SupplierMonth) -> str:
    """The whole document."""
    title = month_title(month.month)
    return page(
        f"{month.supplier}: amounts of {title}", joined([_header(month, title), _figures(month), _table(month)])
    )


def _header(month: SupplierMonth, title: str) -> Markup:
    return fill(
        "<header><div><h1>Amounts of {}</h1><p>Local electricity market <b>{}</b></p></div>"
        "<dl><dt>Supplier</dt><dd>{}</dd><dt>Currency</dt><dd>{}</dd></dl></header>",
        title,
        month.market,
        month.supplier,
        month.settings.currency,
    )


def _figures(month: SupplierMonth) -> Markup:
    estimated = sum(customer.estimated > 0 for customer in month.customers)
    label = "due to the customers together" if month.total < 0 else "due from the customers together"
    return fill(
        '<ul class="figures"><li class="main"><span>{}</span><strong>{} {}</strong></li>'
        "<li><span>Customers with an amount</span><strong>{}</strong></li>"
        "<li><span>Of these with estimated periods</span><strong>{}</strong></li></ul>",
        label[0].upper() + label[1:],
        number(cents_text(abs(month.total))),
        month.settings.currency,
        number(str(len(month.customers))),
        number(str(estimated)),
    )


def _table(month: SupplierMonth) -> Markup:
    return fill(
        "<section><h2>One amount for each customer</h2><table>"
        "<caption>Rounded once to the cent, half a cent up. Negative amounts are due to the customer.</caption>{}"
        '<tbody>{}</tbody><tfoot><tr class="due"><th scope="row">Total</th>{}</tr></tfoot></table></section>'
        "<section><h2>Missing and corrected periods</h2>{}</section>"
        "<footer>Computed by {} compute parties on secret shares, and revealed to this supplier alone. The lines "
        "behind an amount, with all volumes, are revealed to the customer alone, who can show them.</footer>",
        heads("Customer", "periods", "corrections", "of these estimated", month.settings.currency),
        joined(_row(each, each.meter in month.shared) for each in month.customers),
        cells("", "", "", number(cents_text(month.total))),
        joined(fill("<p>{}</p>", note) for note in notes_of_month(month)),
        month.parties,
    )


def _row(each: CustomerAmount, shared: bool) -> Markup:
    """`shared`: its meter has had another owner too."""
    name = f"{each.meter}, key {each.key}" if shared else each.meter
    estimated = fill('<span class="flag">{}</span>', each.estimated) if each.estimated else Markup("0")
    return fill(
        '<tr><th scope="row">{}</th>{}<td class="number">{}</td>{}</tr>',
        name,
        cells(number(str(each.periods)), number(str(each.corrections))),
        estimated,
        cells(number(cents_text(each.cents))),
    )
