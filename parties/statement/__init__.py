"""What people are shown of a closed month: a user its bill by line, a supplier one amount per customer. Pure.

bill      a user's bill, put together from the sheets and checked
month     a supplier's month
notes     what is out of the ordinary in a month, in words
texts     money, prices and quantities as people write them
page      HTML: one file, printable, nothing from elsewhere; all that is filled in is escaped
bill_output, bill_page, month_output, month_page     each of the two as lines, CSV and JSON, and as HTML
"""
