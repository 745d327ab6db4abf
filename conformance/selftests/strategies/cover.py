"""Makes the rows of the crossings: ``python conformance/selftests/strategies/cover.py --write``.

The version of the specification is the salt of the generator, so each version covers the pairs with other rows.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter

import covertable

from gritstone_conformance import SPEC_VERSIONS
from gritstone_conformance.strategies.crossings.rows import ROWS_FILE
from gritstone_conformance.strategies.crossings.table import Table, load_tables, pairs_of

__all__ = ["cover", "rows_text"]


def cover(table: Table, salt: str) -> list[list[str]]:
    """Return rows, values in the order of the dimensions, in which each possible pair of a table occurs."""
    made = covertable.make(
        {name: list(values) for name, values in table.dimensions.items()},
        salt=f"{salt}:{table.name}",
        constraints=[
            {
                "operator": "or",
                "conditions": [
                    {"operator": "not", "condition": {"operator": "in", "left": name, "values": list(values)}}
                    for name, values in each.when.items()
                ],
            }
            for each in table.impossible
        ],
    )
    rows = [{name: row[name] for name in table.dimensions} for row in made]
    _spread(table, rows, random.Random(salt))
    return [list(row.values()) for row in rows]


def _spread(table: Table, rows: list[dict[str, str]], draws: random.Random) -> None:
    """Replace values by rarer ones where no pair becomes uncovered: the generator repeats the first values."""
    used = Counter(pair for row in rows for pair in pairs_of(row))
    counts = Counter(item for row in rows for item in row.items())
    places = [(row, name) for row in rows for name in table.dimensions]
    draws.shuffle(places)
    for row, name in places:
        needed = {other for pair in pairs_of(row) if used[pair] == 1 for other, _ in pair}
        spare = [value for value in table.dimensions[name] if value not in table.costly.get(name, ())]
        rarest = min(spare, key=lambda value: (counts[name, value], draws.random()))
        changed = {**row, name: rarest}
        if name in needed or counts[name, rarest] >= counts[name, row[name]] or not table.allows(changed):
            continue
        used.subtract(pairs_of(row))
        used.update(pairs_of(changed))
        counts.subtract([(name, row[name])])
        counts.update([(name, rarest)])
        row[name] = rarest


def rows_text(salt: str) -> str:
    """Return the content of the file of rows: one row a line."""
    tables = []
    for name, table in load_tables().items():
        lines = ",\n      ".join(json.dumps(row) for row in cover(table, salt))
        tables.append(f"    {json.dumps(name)}: [\n      {lines}\n    ]")
    joined = ",\n".join(tables)
    return f'{{\n  "version": {json.dumps(salt)},\n  "rows": {{\n{joined}\n  }}\n}}\n'


def main() -> None:
    """Print the numbers of rows and pairs; with ``--write``, write the file of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {ROWS_FILE.name}")
    if parser.parse_args().write:
        ROWS_FILE.write_text(rows_text(SPEC_VERSIONS[-1]), encoding="utf-8")
    for name, table in load_tables().items():
        possible, impossible = table.pairs
        rows = cover(table, SPEC_VERSIONS[-1])
        print(f"{name}: {len(rows)} rows, {len(possible)} possible pairs, {len(impossible)} impossible pairs")


if __name__ == "__main__":
    main()
