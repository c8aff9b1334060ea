"""Validates each example of the OpenAPI document against the schema beside it.

Called with the document. No example of a response may have a member that its schema does not name, and each successful
response must have an example, unless it is listed here with the reason.
"""

import json
import pathlib
import sys

from jsonschema import Draft202012Validator, FormatChecker

WITHOUT_EXAMPLE = {
    "getHealth": "what it reports depends on the installation",
    "getOpenApi": "it would be the document in itself",
}


class Document:
    def __init__(self, document):
        self.document = document

    def resolved(self, value):
        while "$ref" in value:
            place = value["$ref"].removeprefix("#/").split("/")
            value = self.document
            for name in place:
                value = value[name]
        return value

    def errors(self, value, schema):
        """What does not fit: the references in a schema lead into the document."""
        whole = {**schema, "components": self.document["components"]}
        validator = Draft202012Validator(whole, format_checker=FormatChecker())
        yield from (f"{error.json_path}: {error.message}" for error in validator.iter_errors(value))

    def members(self, schema):
        """The schemas of an object's members, and of those that it does not name (True: any); None if it says nothing."""
        schema = self.resolved(schema)
        parts = [self.members(part) for part in schema.get("allOf", [])]
        parts += [self.members(part) for part in schema.get("anyOf", []) if part != {"type": "null"}]
        named, others = dict(schema.get("properties", {})), schema.get("additionalProperties")
        for part_named, part_others in filter(None, parts):
            named.update(part_named)
            others = others or part_others
        return (named, others) if named or others else None

    def undocumented(self, value, schema, place="$"):
        """The members of objects that the schema does not name."""
        if isinstance(value, list):
            items = self.resolved(schema).get("items")
            for number, item in enumerate(value if items else []):
                yield from self.undocumented(item, items, f"{place}[{number}]")
        members = self.members(schema)
        if not isinstance(value, dict) or members is None:
            return
        named, others = members
        for name, member in value.items():
            schema = named.get(name, others)
            if schema is None or schema is False:
                yield f"{place}.{name}: not in the schema"
            elif schema is not True:
                yield from self.undocumented(member, schema, f"{place}.{name}")

    def holders(self):
        """All that has a schema and may have examples: parameters and contents, each with its place."""
        for name, response in self.document["components"]["responses"].items():
            yield from ((name, content) for content in response.get("content", {}).values())
        for item in self.document["paths"].values():
            for operation in item.values():
                place = operation["operationId"]
                yield from ((f"{place} {one['name']}", one) for one in operation["parameters"])
                contents = operation.get("requestBody", {}).get("content", {}).values()
                yield from ((f"{place} body", content) for content in contents)
                for status, response in operation["responses"].items():
                    contents = response.get("content", {}).values()
                    yield from ((f"{place} {status}", content) for content in contents)


def examples(holder):
    if "example" in holder:
        yield "example", holder["example"]
    yield from ((name, example["value"]) for name, example in holder.get("examples", {}).items())


def main(path):
    document = Document(json.loads(pathlib.Path(path).read_text()))
    count, problems = 0, []
    for place, holder in document.holders():
        found = list(examples(holder))
        count += len(found)
        operation, _, of = place.partition(" ")
        if of.isdigit() and not found and operation not in WITHOUT_EXAMPLE:
            problems.append(f"{place}: no example")
        for name, value in found:
            errors = list(document.errors(value, holder["schema"]))
            # A body may have more than its schema names, but what the server answers may not.
            errors += [] if of == "body" else document.undocumented(value, holder["schema"])
            problems += [f"{place}, {name}: {error}" for error in errors]
    print(f"{count} examples")
    sys.exit("\n".join(problems) or 0)


main(*sys.argv[1:])
