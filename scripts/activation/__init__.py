"""What `make activate` does: a DuckDB query goes in, and what the destination made of its rows comes out.

rows           rows of DuckDB as lines of the Airbyte protocol
query          the user's query, and its rows in a file of such lines
destination    the process of the destination, and what it says
report         what was done, in sentences and a table
"""
