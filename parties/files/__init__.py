"""Files in and out. Decimals go no further than here, and what is wrong with a file is told with its line.

source, records         text, from a file or standard input; the records of a CSV file
toml, values            TOML with the lines of its problems; what the values of settings mean
problems                every problem is found, the first ones are told
grid                    decimal text to ticks and lots and back, exactly
orders, result          the book and the outcome of `clear`
market                  the settings of a market
running, running_toml   `market.toml` of a running market, and reading and writing it
private                 directories and files for their owner's eyes only
party_home, key_home    homes: of a compute party; of suppliers, grid operators and arbiters
operators               how grid operators introduce themselves to the registrar
disputes                who the arbiter is, and what the user hands to it
output                  files that appear whole and together, or not at all
"""
