"""Validates each published event against the JSON Schema of its type.

Called with the folder of the schemas and the file of the events. Each schema must have an event, and no event may have a
member that its schema does not name.
"""

import json
import pathlib
import sys

from jsonschema import Draft202012Validator, FormatChecker


def undocumented(value, schema, place=""):
    """The members of an object that its schema does not name."""
    properties = schema.get("properties")
    if not isinstance(value, dict) or properties is None:
        return
    for name, member in value.items():
        if name in properties:
            yield from undocumented(member, properties[name], f"{place}/{name}")
        else:
            yield f"{place}/{name}: not in the schema"


def main(folder, events):
    schemas = {path.stem: json.loads(path.read_text()) for path in pathlib.Path(folder).glob("*.json")}
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    seen, errors = dict.fromkeys(schemas, 0), []
    for number, line in enumerate(pathlib.Path(events).read_text().splitlines(), start=1):
        event = json.loads(line)
        name = f"{event['aggregate_type']}Changed"
        name = name if name in schemas else "objectChanged"
        seen[name] += 1
        validator = Draft202012Validator(schemas[name], format_checker=FormatChecker())
        found = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(event)]
        found += undocumented(event, schemas[name])
        errors += [f"line {number}, {name}: {error}" for error in found]
    errors += [f"no event of {name}" for name, count in seen.items() if count == 0]
    print(", ".join(f"{count} {name}" for name, count in sorted(seen.items())))
    sys.exit("\n".join(errors) or 0)


main(*sys.argv[1:])
